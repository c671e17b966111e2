"""In which state a job is: done, running, waiting, failed or interrupted; and why."""

from pathlib import Path
from typing import NamedTuple

from score.jobs.failures import failures
from score.jobs.writer_lock import writer_of
from score.status.run import Job, Run, age_of, modified

STATES = ("failed", "interrupted", "running", "waiting", "done")
QUIET = 600.0  # seconds without a word in its log after which a job nobody vouches for has ended


class State(NamedTuple):
    """name: one of STATES. by: who runs it. cause: `log: message` of a failure."""

    name: str
    by: str | None = None
    cause: str | None = None


def state_of(job: Job, run: Run) -> State:
    """The state of a job, from its outputs, its lock, its log, and whether its Snakemake lives."""
    if _is_done(job, run):
        return State("done")
    holder = None if job.scratch is None else writer_of(job.scratch)
    if holder is not None:
        return State("running", by=holder)
    if not _has_begun(job, run):
        return State("waiting")
    cause = None if job.log is None else next(failures([job.log]), None)
    if cause is not None:
        interrupted = cause.endswith(": interrupted")  # by Ctrl-C, as score.jobs.command says it
        return State("interrupted" if interrupted else "failed", cause=cause)
    if not job.outputs:  # of a run without a list, where only an error tells anything
        return State("done")
    goes_on = run.alive if run.alive is not None else _writes(job)
    return State("running" if goes_on else "interrupted")


def _is_done(job: Job, run: Run) -> bool:
    """Whether all outputs are there, and not those of before where Snakemake has them made anew."""
    made = modified(job.outputs)
    return made is not None and (not job.runs or made >= run.began)


def _has_begun(job: Job, run: Run) -> bool:
    """Whether the job was started: by this Snakemake, while that lives."""
    at = None if job.log is None else modified([job.log])
    return at is not None and (at >= run.began or not run.alive)


def _writes(job: Job) -> bool:
    """Whether something of the job was written lately, where nobody can say that it runs."""
    files = (job.log, None if job.scratch is None else _newest_in(job.scratch))
    ages = [age for file in files if (age := age_of(file)) is not None]
    return bool(ages) and min(ages) < QUIET


def _newest_in(folder: Path) -> Path | None:
    try:
        return max(folder.iterdir(), key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return None
