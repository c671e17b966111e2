"""Where the numbers of a run come from: code, packages, data, policies, settings, machine and budgets.

What no file of the run records is that of the moment and the machine at which the report is made.
"""

import base64
import importlib.metadata
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from score.files.digests import digest, file_digest
from score.report.run_folder import RunFolder, read_object

RECORDS = Path(".snakemake/metadata")
LINEAGE = "score_policy.json"  # as in score.policies.load, which needs transformers


def provenance(run: RunFolder, now: datetime | None = None) -> dict:
    """All of it as one JSON object; null where something is not known."""
    now = datetime.now(UTC) if now is None else now
    return {
        "run": run.name,
        "reported": now.isoformat(timespec="seconds"),
        "code": git_state(Path(__file__).parent),
        "packages": packages(),
        "python": platform.python_version(),
        "machine": machine(),
        "config": {"sha256": digest(run.config) if run.config else None, "settings": run.config},
        "data": data(run),
        "policies": policies(run),
        "jobs": jobs(run),
        "budgets": run.json("analyses/cost.json") or run.json("budgets.json"),
        "missing": run.missing,
    }


def git_state(folder: Path) -> dict:
    """Commit of the package's files, and whether they are as committed; null outside of a checkout."""
    unknown = {"commit": None, "clean": None, "changed": None}
    if shutil.which("git") is None:
        return {**unknown, "why": "git is not installed"}
    tracked = _git(folder, "ls-files", "--error-unmatch", "__init__.py")
    if tracked is None:
        return {**unknown, "why": f"{folder} is not tracked by git"}
    commit, status = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", ":/")
    changed = None if status is None else [line[3:] for line in status.splitlines()]
    return {"commit": (commit or "").strip() or None, "clean": changed == [], "changed": changed}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def packages() -> dict[str, str]:
    """Every installed package and its version."""
    found: dict[str, str] = {}
    for package in importlib.metadata.distributions():
        name = package.metadata["Name"]
        if name:
            found.setdefault(name, package.version)
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def machine() -> dict:
    """System, processor, cores, bytes of memory and GPUs."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_bytes": _memory(),
        "gpus": _gpus(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _gpus() -> list[str] | None:
    """Name and memory of each; None where nothing can be asked."""
    if shutil.which("nvidia-smi") is None:
        return None
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.splitlines() if done.returncode == 0 else None


def data(run: RunFolder) -> dict:
    """The sources that the data card names, and a SHA-256 of each split as it was used."""
    card = run.json("problems/data_card.json")
    splits = {
        file.name: {"sha256": file_digest(file), "problems": card.get("splits", {}).get(file.stem)}
        for file in sorted(run.path.glob("problems/*.jsonl"))
    }
    return {"sources": card.get("sources"), "splits": splits}


def policies(run: RunFolder) -> dict:
    """Instance -> SHA-256 of each file of its policy, its π_ref, and of base where it was taken from."""
    found = {}
    start = run.config.get("model_path")
    if start:
        local = Path(start).is_dir()
        found["base"] = {"path": start, "files": _digests(Path(start)) if local else None}
    for instance in run.instances():
        for folder in _policy_folders(run.path / instance):
            name = str(folder.relative_to(run.path).parent)
            lineage = read_object(folder / LINEAGE)
            reference = {key: lineage.get(key) for key in ("objective", "reference") if lineage}
            found[name] = {"path": str(folder), **reference, "files": _digests(folder)}
    return found


def _policy_folders(folder: Path) -> list[Path]:
    places = (folder / "policy", *sorted(folder.glob("iteration*/policy")))
    return [place for place in places if place.is_dir()]


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("[!.]*") if file.is_file())
    return {str(file.relative_to(folder)): file_digest(file) for file in files}


def jobs(run: RunFolder, records: Path = RECORDS) -> list[dict] | None:
    """When each job of the run began and ended, as Snakemake recorded it; None where it did not.

    Of a job that went on after an interruption these are the times of its last part.
    """
    if not records.is_dir():
        return None
    found: dict[tuple[Any, str], dict] = {}
    for file in records.rglob("*"):
        output, record = _output_of(file.relative_to(records)), read_object(file)
        if output is None or not {"rule", "starttime", "endtime"} <= record.keys():
            continue
        if not Path(output).resolve().is_relative_to(run.path.resolve()):
            continue
        began, ended = record["starttime"], record["endtime"]
        if not (isinstance(began, float) and isinstance(ended, float)):
            continue
        told = {"began": _time(began), "ended": _time(ended), "seconds": round(ended - began, 1)}
        key = record["rule"], str(record.get("log") or output)
        if key not in found or output < found[key]["output"]:
            found[key] = {"rule": record["rule"], "output": output, **told}
    return sorted(found.values(), key=lambda job: (job["began"], job["output"]))


def _output_of(name: Path) -> str | None:
    """The output that a record is of: its path in base64, in folders called @… where it is long."""
    try:
        coded = "".join(part.removeprefix("@") for part in name.parts)
        return base64.b64decode(coded, altchars=b"-_", validate=True).decode()
    except ValueError:
        return None


def _time(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds")
