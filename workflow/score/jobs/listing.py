"""Which jobs a run has, as the Snakemake that was last started for it knows them: {results}/jobs.json.

The workflow writes it before the first job starts; `python -m score.status` reads it.
"""

import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from score.files.alive import lives
from score.files.atomic import replace_file

JOBS = "jobs.json"


def list_jobs(results: str, dag) -> None:
    """Write the jobs of a Snakemake DAG. Paths are relative to `results`, so that a run can be moved.

    Nothing is written of a DAG without a job of this run. RuntimeError where the disk refuses it.
    """
    levels = (
        sorted(level, key=_name) for level in dag.toposorted()
    )  # those that others need first
    ordered = (job for level in levels for job in level if job.output)
    jobs = [_told(job, dag.needrun(job), results) for job in ordered]
    jobs = [job for job in jobs if not job["outputs"][0].startswith("..")]
    if not jobs:
        return
    me = {"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid())}
    told = {"snakemake": me, "jobs": jobs}
    replace_file(Path(results) / JOBS, f"{json.dumps(told, indent=1)}\n".encode())


def _name(job) -> tuple[str, str]:
    return job.rule.name, "/".join(map(str, job.wildcards))


def _told(job, runs: bool, results: str) -> dict:
    problems = getattr(job.input, "problems", None)
    return {
        "rule": _name(job)[0],
        "name": _name(job)[1],
        "log": _below(results, [str(log) for log in job.log])[:1],
        "outputs": _below(results, map(str, job.output)),
        "problems": _below(results, [problems] if isinstance(problems, str) else []),
        "runs": bool(runs),
    }


def _below(results: str, paths: Iterable[str]) -> list[str]:
    return [os.path.relpath(path, results) for path in paths]


def is_alive(snakemake: dict) -> bool | None:
    """Whether the Snakemake that wrote the list still runs; None where this machine can't tell."""
    pid = snakemake.get("pid")
    if snakemake.get("host") != socket.gethostname() or not isinstance(pid, int):
        return None
    began = snakemake.get("began")  # None where there is no /proc
    return lives(pid) and began == _began(pid)


def _began(pid: int) -> str | None:
    """When a process began, in the kernel's ticks: its number may have been another's before. None where
    it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, ValueError):
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]
