"""What a Snakemake that submits to Slurm needs besides its plugin."""

import os
import re
import subprocess
from pathlib import Path

# The plugin names its jobs after the run: a UUID, after the prefix a site may set.
_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def use_commands_of(folder: str) -> None:
    """Have the plugin find the commands of a folder before those of the system."""
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def check_no_orphans(folder: str) -> None:
    """ValueError naming live jobs that an earlier Snakemake left in this folder.

    Started again beside them, all would run twice. For the moment before jobs are submitted;
    nothing is said where there is no Slurm.
    """
    command = ["squeue", "--me", "--noheader", "--format=%i|%T|%Z|%j"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return
    rows = [line.split("|", 3) for line in told.stdout.splitlines()]
    place = Path(folder).resolve()
    orphans = [(row[0], row[1]) for row in rows if _RUN.search(row[3]) and Path(row[2]) == place]
    if orphans:
        listed = ", ".join(f"{job} ({state.lower()})" for job, state in orphans)
        raise ValueError(
            f"Slurm still has jobs of an earlier run in {place}: {listed}; expected none, or their "
            "work would be done twice at once. Wait for them (squeue --me), or end them, and run "
            f"again: scancel {' '.join(job for job, _ in orphans)}"
        )
