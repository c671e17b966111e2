"""Two processes: DDP, ZeRO-2 and ZeRO-3 give the same numbers, each with DeepSpeed really on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from score.distributed import require_deepspeed

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


def launch(folder, launcher, rows=8, accumulation=1):
    folder.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "tests"),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    script = str(ROOT / "tests" / "launched_training.py")
    command = [*launcher, script, str(folder), str(rows), str(accumulation)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def deepspeed(tmp_path, stage):
    config = yaml.safe_load((ROOT / "configs/accelerate/cpu.yaml").read_text())
    config["deepspeed_config"]["zero_stage"] = stage
    path = tmp_path / f"zero{stage}.yaml"
    path.write_text(yaml.safe_dump(config))
    flags = ["--config_file", str(path), "--num_processes", "2"]
    return [str(Path(sys.executable).with_name("accelerate")), "launch", *flags]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("distributed")
    torchrun = [str(Path(sys.executable).with_name("torchrun")), "--nproc_per_node=2"]
    return {
        "ddp": launch(tmp_path / "ddp", [*torchrun, "--standalone"]),
        "zero2": launch(tmp_path / "zero2", deepspeed(tmp_path, 2)),
        "zero3": launch(tmp_path / "zero3", deepspeed(tmp_path, 3)),
        "zero2 in steps": launch(tmp_path / "steps", deepspeed(tmp_path, 2), 1, 8),
    }


def test_each_runs_as_what_it_was_asked_to_be(runs):
    kinds = {
        name: (r[0]["distributed_type"], r[0]["zero_stage"], r[0]["processes"])
        for name, r in runs.items()
    }
    assert kinds == {
        "ddp": ("MULTI_CPU", None, 2),
        "zero2": ("DEEPSPEED", 2, 2),
        "zero3": ("DEEPSPEED", 3, 2),
        "zero2 in steps": ("DEEPSPEED", 2, 2),
    }


@pytest.mark.parametrize("name", ["zero2", "zero3", "zero2 in steps"])
def test_numbers_equal_those_of_ddp(runs, name):
    for record, ddp in zip(runs[name][0]["records"], runs["ddp"][0]["records"], strict=True):
        for key, value in ddp.items():
            if key == "loss" and name == "zero2 in steps":
                continue  # the mean over its last row alone
            assert record[key] == pytest.approx(value, abs=2e-4), (record["step"], key)


def test_ranks_sample_different_attempts(runs):
    for ranks in runs.values():
        assert ranks[0]["attempts"] != ranks[1]["attempts"]
        assert len(ranks[0]["attempts"]) == len(ranks[1]["attempts"]) == 16


def test_deepspeed_that_is_silently_off_is_an_error(monkeypatch):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    require_deepspeed(accelerator)
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(RuntimeError, match="ACCELERATE_USE_CPU"):
        require_deepspeed(accelerator)
