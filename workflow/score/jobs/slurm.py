"""What a Snakemake that submits to Slurm needs besides its plugin, and what Slurm knows of jobs."""

import os
import re
import subprocess
from pathlib import Path

# The plugin names its jobs after the run: a UUID, after the prefix a site may set.
_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def squeue(*options: str) -> str:
    """What squeue prints; empty where there is no Slurm or it does not answer within 30 seconds."""
    command = ["squeue", "--noheader", *options]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def use_commands_of(folder: str) -> None:
    """Have the plugin find the commands of a folder before those of the system."""
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def check_no_orphans(folder: str) -> None:
    """ValueError that names live jobs which an earlier Snakemake left in this folder.

    To be called before jobs are submitted: started again beside those, all would run twice.
    """
    lines = squeue("--me", "--format=%i|%T|%Z|%j").splitlines()
    rows = [line.split("|", 3) for line in lines]
    place = Path(folder).resolve()
    orphans = [(row[0], row[1]) for row in rows if _RUN.search(row[3]) and Path(row[2]) == place]
    if orphans:
        listed = ", ".join(f"{job} ({state.lower()})" for job, state in orphans)
        raise ValueError(
            f"Slurm still has jobs of an earlier run in {place}: {listed}; expected none, or their "
            "work would be done twice at once. Wait for them (squeue --me), or end them, and run "
            f"again: scancel {' '.join(job for job, _ in orphans)}"
        )
