"""A run that fails ends with the cause, and the log that says it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_snakemake_ends_with_the_cause_and_its_log(repository, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("run_name: fails\nproblems: {gold_col: id}\n")
    target = "results/fails/problems/train.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores=1", target, f"--configfile={overlay}"],
        cwd=repository,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 1
    told = done.stderr.partition("Exiting because a job execution failed")[2]
    assert (
        "results/fails/problems/prepare.log: score.problems.prepare: data/puzzle/problems can't be"
        in told
    )
    assert "bad_gold: 15000 rows. Correct them" in told
