"""One writer at a time: a lock on a folder that other nodes and later jobs respect."""

import fcntl
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def sole_writer(directory: str) -> Iterator[None]:
    """Hold the folder's lock; RuntimeError where another job holds it.

    A job can outlive the Snakemake that started it, and a second one would spoil what it writes. The
    file lock covers one machine, and shared file systems that support it; for those that don't, the
    Slurm job that holds it is looked up.
    """
    path = Path(f"{directory}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _in_use(directory, _holder(file)) from None
        holder = _holder(file)
        if _is_another_running_job(holder):
            raise _in_use(directory, holder)
        file.truncate(0)
        file.write(" ".join([*_me(), "on", socket.gethostname()]))
        file.flush()
        yield
        path.unlink(missing_ok=True)


def _me() -> list[str]:
    job = os.environ.get("SLURM_JOB_ID")
    return ["Slurm job", job] if job else ["process", str(os.getpid())]


def _holder(file) -> str:
    file.seek(0)
    return file.read().strip()


def _is_another_running_job(holder: str) -> bool:
    """Whether the lock names a Slurm job, not this one, that still runs."""
    words = holder.split()
    if words[:2] != ["Slurm", "job"] or words[2] == os.environ.get("SLURM_JOB_ID"):
        return False
    command = ["squeue", "--noheader", "--states=RUNNING,COMPLETING", "--format=%i", "--jobs"]
    try:
        told = subprocess.run([*command, words[2]], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return words[2] in told.stdout.split()


def _in_use(directory: str, holder: str) -> RuntimeError:
    words = holder.split()
    job = words[2] if words[:2] == ["Slurm", "job"] else None
    cure = f"end it with scancel {job}" if job else "end it"
    return RuntimeError(
        f"{directory} is in use by another job ({holder}); expected to be the only writer. "
        f"Wait until that one has ended, or {cure}, and run again."
    )
