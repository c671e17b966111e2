"""A local Slurm for the tests of this folder, and copies of the repository to run in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import local_slurm
import pytest

REPOSITORY = Path(__file__).parents[2]
OVERLAY = "tests/cluster/quick.yaml"
# What one of the pretended nodes has: 4 CPUs and 8 GB.
SIZES = ["mem_mb_per_cpu=1500", "runtime=20"]
RULES = ("prepare_problems", "sample_attempts", "train_stage_one", "train_stage_two")


@pytest.fixture(scope="session")
def slurm():
    """A running Slurm with two nodes; skips with the reason where none can be started."""
    problem = local_slurm.missing()
    if problem:
        pytest.skip(problem)
    local_slurm.up()
    yield local_slurm
    local_slurm.down()


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """Call it for a fresh folder with all files of the repository and no results."""

    def make(name):
        folder = tmp_path_factory.mktemp(name)
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
        for file in listed.stdout.splitlines():
            if (REPOSITORY / file).is_file():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / file, folder / file)
        return folder

    return make


def start(folder, *words, configfile=OVERLAY):
    """Start Snakemake in a copy of the repository, as a person would; its terminal is a file."""
    command = [sys.executable, "-m", "snakemake", *words]
    command += ["--configfile", configfile] if configfile else []
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "workflow")}
    with (folder / "terminal").open("a") as terminal:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            env=environment,
            start_new_session=True,
        )


def on_slurm(*own):
    """The flags of a site with nodes this small; `own` are resources that come last and so win."""
    resources = [f"{rule}:{size}" for rule in (*RULES, "verify_attempts") for size in SIZES]
    threads = [f"{rule}=2" for rule in RULES]
    flags = ["--profile", "slurm", "--slurm-init-seconds-before-status-checks", "3"]
    flags += ["--latency-wait", "15", "--set-threads", *threads, "--set-resources"]
    return [*flags, *resources, *own]


def told(folder):
    """What Snakemake has printed so far, the end of it, for messages of failed tests."""
    return (folder / "terminal").read_text()[-4000:]
