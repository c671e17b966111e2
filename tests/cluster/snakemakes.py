"""Snakemake as a person starts it, on this machine or on the local Slurm."""

import os
import subprocess
import sys
from pathlib import Path

OVERLAY = "tests/cluster/quick.yaml"
# What one of the pretended nodes has: 4 CPUs and 8 GB.
SIZES = ["mem_mb_per_cpu=1500", "runtime=20"]
RULES = ("prepare_problems", "sample_attempts", "train_stage_one", "train_stage_two")


def start(folder, *words, configfile=OVERLAY, **variables):
    """Start Snakemake in a copy of the repository, as a person would; its terminal is a file."""
    command = [sys.executable, "-m", "snakemake", *words]
    command += ["--configfile", configfile] if configfile else []
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "workflow")}
    environment |= variables
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


def on_slurm(*own, cpus=2):
    """The flags of a site with nodes this small; `own` are resources that come last and so win."""
    resources = [f"{rule}:{size}" for rule in (*RULES, "verify_attempts") for size in SIZES]
    threads = [f"{rule}={cpus}" for rule in RULES]
    flags = ["--profile", "slurm", "--slurm-init-seconds-before-status-checks", "3"]
    flags += ["--latency-wait", "15", "--set-threads", *threads, "--set-resources"]
    return [*flags, *resources, *own]


def told(folder):
    """What Snakemake has printed so far, the end of it, for messages of failed tests."""
    return (folder / "terminal").read_text()[-4000:]
