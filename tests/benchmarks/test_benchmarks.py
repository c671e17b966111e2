"""The command, at its smallest sizes: parts write what they measured, and a table says it."""

import json
import os
import subprocess
import sys

import pytest
from places import ROOT

FIGURES = {
    "memory": {"tiny": {"memory over TRL's", "largest array over [B, T, V]"}},
    "rollout": {"prompt of 8, first attempt of 4": {"times as fast as two generations"}},
    "step": {
        "tiny, equal lengths": {"time over TRL's", "time over the floor's"},
        "tiny, ragged": {"time over TRL's"},
    },
}


def benchmarks(*flags):
    command = [sys.executable, "-m", "score.benchmarks", *flags]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ})


@pytest.mark.slow
def test_quick_parts_measure_all_that_they_are_for(tmp_path):
    done = benchmarks("--quick", "--only", ",".join(FIGURES), "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    for part, wanted in FIGURES.items():
        told = json.loads((tmp_path / f"{part}.json").read_text())
        assert told["finished"], (tmp_path / "log.txt").read_text()[-2000:]
        for name, figures in wanted.items():
            assert figures <= told["measurements"][name].keys(), told["measurements"][name]
    assert "these figures say nothing" in (tmp_path / "table.md").read_text()


def test_unknown_part_ends_the_command_before_anything_is_measured(tmp_path):
    done = benchmarks("--only", "step,steps", "--output", str(tmp_path / "made"))
    assert done.returncode == 2 and "--only names steps" in done.stderr
    assert not (tmp_path / "made").exists()
