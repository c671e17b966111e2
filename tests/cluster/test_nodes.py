"""A training on two nodes gives the numbers of two ranks on one, under ZeRO-2 and ZeRO-3."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

pytestmark = pytest.mark.cluster
PATHS = os.pathsep.join([str(ROOT / "tests/support"), str(ROOT / "workflow")])
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONPATH": PATHS,
}


def command(name, folder, nodes):
    folder.mkdir()
    words = [sys.executable, "-m", "score.jobs.launch"]
    words += ["--config", f"configs/accelerate/{name}.yaml"]
    words += ["--processes", "2", "--nodes", str(nodes), "--cpus", "2"]
    return [*words, "-m", "launched_training", str(folder), "8", "1"]


def told(folder):
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize(("name", "stage"), [("zero2", 2), ("zero3", 3)])
def test_two_nodes_give_the_numbers_of_two_ranks(slurm, tmp_path, name, stage):
    one, two = tmp_path / "one", tmp_path / "two"
    hidden = {**ENVIRONMENT, "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(command(name, one, 1), cwd=ROOT, env=hidden, check=True, timeout=120)
    log = tmp_path / "log"
    job = ["sbatch", "--wait", "--nodes=2", "--gpus=2", "--cpus-per-task=2", f"--output={log}"]
    words = shlex.join(command(name, two, 2))
    done = subprocess.run([*job, "--wrap", words], cwd=ROOT, env=ENVIRONMENT, timeout=150)
    assert done.returncode == 0, log.read_text()[-3000:]
    assert told(two) == told(one)
    assert [(r["distributed_type"], r["zero_stage"], r["processes"]) for r in told(two)] == [
        ("DEEPSPEED", stage, 2)
    ] * 2


def test_gpus_on_the_nodes_that_do_not_fit_are_refused_before_anything_is_loaded(slurm, tmp_path):
    log = tmp_path / "log"
    job = ["sbatch", "--wait", "--nodes=1", "--gpus=1", "--cpus-per-task=2", f"--output={log}"]
    words = shlex.join(command("zero2", tmp_path / "two", 1))
    subprocess.run([*job, "--wrap", words], cwd=ROOT, env=ENVIRONMENT, timeout=60)
    assert "launch: Slurm gave 1 GPUs to n1, but 2 processes are to run there" in log.read_text()
