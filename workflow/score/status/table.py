"""What is known of a run, as an object for programs and as lines for people."""

import textwrap
from collections import Counter

from score.files.visible import visible, visible_lines
from score.jobs.progress import duration, shown
from score.status.details import details_of
from score.status.run import Job, Run
from score.status.states import STATES, state_of

_LABEL = 13  # columns of the states' names
_LONG = (
    10  # updates without anything to learn, or a pause of so many updates, that are worth a word
)
_PAUSE = 60.0  # seconds, at least


def look_at(run: Run) -> dict:
    """path, listed, snakemake, counts by state, and jobs: rule, name, state, by, cause, log, details."""
    jobs = [_looked_at(job, run) for job in run.jobs]
    counted = Counter(job["state"] for job in jobs)
    return {
        "path": str(run.path),
        "listed": run.listed,
        "snakemake": {**run.snakemake, "alive": run.alive},
        "counts": {state: counted[state] for state in STATES},
        "jobs": jobs,
    }


def _looked_at(job: Job, run: Run) -> dict:
    state = state_of(job, run)
    told = {"rule": job.rule, "name": job.name, "state": state.name, "by": state.by}
    told |= {"cause": state.cause, "log": None if job.log is None else str(job.log)}
    return told | details_of(job, state.name)


def goes_on(found: dict) -> bool:
    """Whether the run may still come further without anybody's doing."""
    counts, alive = found["counts"], found["snakemake"]["alive"]
    left = sum(counts.values()) - counts["done"]
    return bool(counts["running"] or (counts["waiting"] and alive is not False) or (left and alive))


def is_well(found: dict) -> bool:
    """Whether all jobs are done, or nothing has failed and somebody goes on with them."""
    counts = found["counts"]
    if counts["failed"] or counts["interrupted"]:
        return False
    return not counts["waiting"] or found["snakemake"]["alive"] is not False


def as_lines(found: dict, width: int) -> list[str]:
    """Lines of at most `width` columns: what needs a person first, what is done and waits by rule."""
    total, counts = len(found["jobs"]), found["counts"]
    told = [f"{counts['done']} of {total} jobs done"]
    told += [f"{counts[s]} {s}" for s in STATES if counts[s] and s != "done"]
    lines = [visible(f"{found['path']}: {', '.join(told)}"), *_of_snakemake(found), ""]
    for state in ("failed", "interrupted", "running"):
        for job in found["jobs"]:
            if job["state"] == state:
                lines += _entry(state, visible(f"{job['rule']}  {job['name']}"), width)
                for text in _about(job):
                    lines += _entry("", text, width)
    for state in ("done", "waiting"):
        label = state
        for rule, names in _by_rule(found["jobs"], state).items():
            lines += _entry(label, f"{rule}{names}", width)
            label = ""
    return lines


def _of_snakemake(found: dict) -> list[str]:
    told = found["snakemake"]
    if not found["listed"]:
        return ["(no jobs.json: only jobs that were started are known, and not whether any wait)"]
    if told["alive"]:
        return [f"Snakemake runs as process {told['pid']}"]
    if told["alive"] is None:
        return [
            visible(
                f"Snakemake was started on {told.get('host')}; run this there to see if it runs"
            )
        ]
    unfinished = found["counts"]["done"] < len(found["jobs"])
    return ["no Snakemake runs: start it again as before, and it goes on"] if unfinished else []


def _entry(label: str, text: str, width: int) -> list[str]:
    room = max(20, width - _LABEL)
    parts = [
        part
        for line in text.split("\n")
        for part in textwrap.wrap(line, room, break_on_hyphens=False)
    ]
    labels = [label, *[""] * len(parts)]
    return [f"{name:{_LABEL}}{part}" for name, part in zip(labels, parts, strict=False)]


def _by_rule(jobs: list[dict], state: str) -> dict[str, str]:
    """Rule -> `: name` or ` (2): name, name`; nothing behind a rule with one job that has no name."""
    names: dict[str, list[str]] = {}
    for job in jobs:
        if job["state"] == state:
            names.setdefault(visible(job["rule"]), []).append(visible(job["name"]))
    found = {}
    for rule, of in names.items():
        count, listed = f" ({len(of)})" if of[1:] else "", f": {', '.join(of)}" if any(of) else ""
        found[rule] = count + listed
    return found


def _about(job: dict) -> list[str]:
    """Sentences about a job that is not done."""
    told = []
    if job["cause"]:
        told.append(visible_lines(job["cause"]))
    if "update" in job:
        told += _about_training(job)
    elif "shards" in job:
        of = f" of {job['of_shards']}" if "of_shards" in job else ""
        told.append(f"{job['shards']}{of} shards")
    if job.get("line"):
        told.append(visible(job["line"], 200))
    if job["state"] == "running" and "update" not in job and "log_age" in job:
        told.append(f"its log was last written {duration(job['log_age'])} ago")
    if job["by"]:
        told.append(visible(f"run by {job['by']}"))
    if job["state"] == "interrupted" and not job["cause"] and "update" not in job:
        told.append(
            f"it ended without an error and without its outputs; log: {visible(str(job['log']))}"
        )
    return told


def _about_training(job: dict) -> list[str]:
    parts = [f"update {job['update']} of {job['updates']}"]
    again = job.get("starts_again")
    if job["state"] == "running" and not again:
        if "seconds_left" in job:
            parts.append(f"about {duration(job['seconds_left'])} left")
        parts.append(f"last record {duration(job['age'])} ago")
    else:
        goes = f"goes on from the checkpoint of update {job.get('checkpoint')}"
        parts.append(goes if "checkpoint" in job else "no checkpoint yet, so it starts anew")
        parts += ["and is just starting"] if again and job["state"] == "running" else []
    told = [", ".join(parts), visible(shown(job["record"]))]
    pace = job.get("seconds_per_update", 0.0)
    if job["state"] == "running" and not again and job["age"] > max(_PAUSE, _LONG * pace) and pace:
        told.append(f"no record for {duration(job['age'])}, where an update took {pace:.1f} s")
    if job["nothing_to_learn"] >= _LONG:
        told.append(
            f"nothing to learn for {job['nothing_to_learn']} updates: all rollouts of each problem "
            "earned the same"
        )
    return told
