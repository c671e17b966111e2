"""How far a job is and how it goes: a training by its records, a sampling by its shards."""

import json
import math
import statistics
import time
from itertools import pairwise
from pathlib import Path

from score.files.step_lines import read_steps
from score.jobs.progress import PROGRESS_LINE
from score.status.run import Job, age_of, modified

LIVE = "progress.jsonl"  # as score.training.live_records calls it
_LAST = 20  # updates whose pace tells how long the rest takes
_READ = 1 << 16  # bytes of a log, or of training.jsonl, its last ones


def details_of(job: Job, state: str) -> dict:
    """What there is to say of a job beyond its state; {} for nothing."""
    if job.is_training:
        return _finished_training(job) if state == "done" else _training(job)
    if state in ("done", "waiting"):
        return {}
    told = _sampling(job) if job.is_sampling else {}
    line = _last_progress(job.log)
    age = age_of(job.log)
    return told | ({"line": line} if line else {}) | ({} if age is None else {"log_age": age})


def _training(job: Job) -> dict:
    """Its last record with `age` in seconds, the pace, the time left, and the newest checkpoint."""
    checkpoints = job.folder / "checkpoints"
    steps = [int(p.name[11:]) for p in checkpoints.glob("checkpoint-*") if p.name[11:].isdecimal()]
    told: dict = {"checkpoint": max(steps)} if steps else {}
    rows = [row for row in read_steps(checkpoints / LIVE) if _is_whole(row)]
    if not rows:
        line, age = _last_progress(job.log), age_of(job.log)
        told |= {"line": line} if line else {}
        return told | ({} if age is None else {"log_age": age})
    last = rows[-1]
    told |= {key: last[key] for key in ("updates", "nothing_to_learn")}
    told |= {"record": _numbers(last["record"]), "update": last["step"]}
    told |= {"age": max(0.0, time.time() - last["time"])}
    started = modified([job.folder / "settings.json"])  # which the job writes first of all
    if started is not None and last["time"] < started:
        return told | {"starts_again": True}
    recent = [row for row in rows[-_LAST:] if row["started"] == last["started"]]
    if len(recent) > 1:  # between two of which there may be updates that were thinned out
        pace = statistics.median(
            (b["time"] - a["time"]) / max(1, b["step"] - a["step"]) for a, b in pairwise(recent)
        )
        left = pace * (last["updates"] - last["step"]) - told["age"]
        told |= {"seconds_per_update": pace, "seconds_left": max(0.0, left)}
    return told


def _is_whole(row: dict) -> bool:
    keys = ("time", "started", "updates", "nothing_to_learn")
    return all(_is_number(row.get(key)) for key in keys) and isinstance(row.get("record"), dict)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(record: dict) -> dict:
    """What of a record is a number; JSON has none for those that are not finite."""
    return {key: value for key, value in record.items() if _is_number(value)}


def _finished_training(job: Job) -> dict:
    """update and record of the last update in training.jsonl; {} where it can't be read."""
    rows = read_steps(job.folder / "training.jsonl", _READ)
    return {"update": rows[-1]["step"], "record": _numbers(rows[-1])} if rows else {}


def _sampling(job: Job) -> dict:
    """shards that are there, and of_shards in all where the settings and problems tell."""
    scratch = job.scratch or job.folder
    names = (path.name for path in scratch.glob("*.json"))
    told = {"shards": sum(name != "made_with.json" for name in names)}
    ahead = "first_attempts" in scratch.name
    settings = _settings(job.folder / f"{'first_attempts' if ahead else 'sample'}_settings.json")
    batch, samples = _count(settings.get("batch_size")), _count(settings.get("samples"))
    problems = 0 if job.problems is None else _lines_in(job.problems)
    problems = min(problems, _count(settings.get("num_problems")) or problems)
    if batch and samples and problems:
        told["of_shards"] = -(-problems * samples // batch)
    return told


def _count(value) -> int:
    """A positive whole number of the settings, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _settings(path: Path) -> dict:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _lines_in(path: Path) -> int:
    try:
        with open(path, "rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except OSError:
        return 0


def _last_progress(log: Path | None) -> str | None:
    """The newest line of progress at the end of a log."""
    if log is None:
        return None
    try:
        with open(log, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _READ))
            text = file.read(_READ).decode(errors="replace")
    except OSError:
        return None
    lines = [line.rstrip().rpartition("\r")[2] for line in text.split("\n")]
    return next((line for line in reversed(lines) if PROGRESS_LINE.search(line)), None)
