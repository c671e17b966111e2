"""One writer at a time: a lock on a folder that other nodes and later jobs respect."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from score.files.errors import SiteError
from score.jobs.slurm import squeue

_PATIENCE = 1.0  # seconds; those who only look whether there is a writer hold the lock for a moment


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
        locked = _lock(file)
        file.seek(0)
        holder = file.read().strip()
        if not locked or _is_another_running_job(holder):
            raise SiteError(
                f"{directory} is in use by another job ({holder}); expected to be the only writer. "
                f"Wait until that one has ended, or end it with {_end_of(holder)}, and run again."
            )
        job = os.environ.get("SLURM_JOB_ID")
        me = f"Slurm job {job}" if job else f"process {os.getpid()}"
        file.truncate(0)
        file.write(f"{me} on {socket.gethostname()}")
        file.flush()
        yield
        path.unlink(missing_ok=True)


def _lock(file) -> bool:
    """Lock an open file for this process alone; False where another holds it and goes on to."""
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                return False
            time.sleep(0.05)
        else:
            return True


def writer_of(directory: str | Path) -> str | None:
    """Who writes the folder now, as `process 12 on node1`; None where nobody is seen to."""
    path = Path(f"{directory}.lock")
    held = _locked_by(path)
    if held is not None:
        return held
    try:
        holder = path.read_text().strip()
    except (OSError, ValueError):
        return None
    return holder if _is_another_running_job(holder) else None


def check_no_writer(results: str) -> None:
    """ValueError that names a job which still writes below this folder.

    To be asked before jobs start: Snakemake deletes the log and the settings of a job that it starts
    anew, and those of the one that still runs would be gone.
    """
    for path in sorted(Path(results).rglob("*.lock")):
        holder = _locked_by(path)
        if holder is not None:
            raise ValueError(
                f"{path.with_suffix('')} is in use by an earlier run's job ({holder}); expected none. "
                f"Wait until it has ended, or end it with {_end_of(holder)}, and run again."
            )


def _locked_by(path: Path) -> str | None:
    """What a lock file says of its holder; None where no process that this machine knows of holds it."""
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip()
    except (OSError, ValueError):  # gone meanwhile, or of another user
        pass
    return None


def _end_of(holder: str) -> str:
    job = _slurm_job(holder)
    return f"scancel {job}" if job else holder.replace("process", "kill", 1)


def _slurm_job(holder: str) -> str | None:
    """The number of the Slurm job that a lock names, if it names one."""
    words = holder.split()
    return words[2] if words[:2] == ["Slurm", "job"] else None


def _is_another_running_job(holder: str) -> bool:
    """Whether the lock names a Slurm job, not this one, that still runs."""
    job = _slurm_job(holder)
    if job is None or job == os.environ.get("SLURM_JOB_ID"):
        return False
    return job in squeue("--states=RUNNING,COMPLETING", "--format=%i", "--jobs", job).split()
