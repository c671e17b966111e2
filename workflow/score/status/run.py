"""The jobs of a run: those that its Snakemake has listed, or those whose logs are there."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from score.jobs.listing import JOBS, is_alive

# What a job writes, and the rule's name, by the name of its log: for a run without a list.
BY_LOG = {
    "prepare": ("prepare_problems", ["train.jsonl", "test.jsonl"]),
    "train": ("train", ["policy", "training.jsonl"]),
    "sample": ("sample_attempts", ["sampled.parquet"]),
    "first_attempts": ("sample_first_attempts", ["first_attempts.parquet"]),
    "verify": ("verify_attempts", ["attempts.parquet"]),
    "examples": ("choose_corrections", ["examples.jsonl"]),
    "choose": ("choose_candidate", ["tuned.json"]),
    "compare": ("compare_policies", ["self_correction.csv"]),
    "claims": ("test_claims", ["claims.json"]),
    "paper_comparison": ("compare_with_paper", ["paper_comparison.md"]),
    "report": ("report_run", ["report.html"]),
}
_DEPTHS = ("*.log", "*/*.log", "*/*/*.log", "*/*/*/*.log")


@dataclass
class Job:
    """One job. log: where it prints, None where that is not known. runs: whether the Snakemake that was
    last started has it to do, and does not take its outputs as they were."""

    rule: str
    name: str
    log: Path | None
    outputs: list[Path]
    problems: Path | None = None
    runs: bool = False

    @property
    def folder(self) -> Path:
        return (self.log or self.outputs[0]).parent

    @property
    def is_training(self) -> bool:
        return any(output.name == "training.jsonl" for output in self.outputs)

    @property
    def is_sampling(self) -> bool:
        return any(
            output.name in ("sampled.parquet", "first_attempts.parquet") for output in self.outputs
        )

    @property
    def scratch(self) -> Path | None:
        """Its folder of checkpoints or shards, whose lock it holds while it runs; None without one."""
        if self.is_training:
            return self.folder / "checkpoints"
        if self.is_sampling:
            ahead = any(output.name == "first_attempts.parquet" for output in self.outputs)
            return self.folder / ("first_attempts_shards" if ahead else "shards")
        return None


@dataclass
class Run:
    """A results folder. alive: whether its Snakemake runs, None where that can't be told from here.
    began: when that was started, seconds since 1970 by the clock of the disk."""

    path: Path
    jobs: list[Job]
    alive: bool | None = None
    began: float = 0.0
    snakemake: dict = field(default_factory=dict)
    listed: bool = False


def open_run(path: str | Path) -> Run:
    """The run in a folder. ValueError where it is none."""
    path = Path(path)
    if not path.is_dir():
        raise ValueError(
            f"{path} is no folder; expected that of a run, such as results/puzzle. Correct the path, or "
            "start the run first."
        )
    run = _listed(path) or Run(path, _found(path))
    if not run.jobs:
        raise ValueError(
            f"{path} holds no list of jobs and no log; expected the folder of a run, such as "
            "results/puzzle. Correct the path, or start the run first."
        )
    return run


def newest_run(results: str | Path = "results") -> Path:
    """The run below a folder that was started last. ValueError where there is none."""
    began = {place: at for place in Path(results).glob("*/") if (at := _started(place)) is not None}
    if not began:
        raise ValueError(
            f"{results} holds no run; expected one that was started. Name the folder of the run, or "
            "start one: snakemake --cores all"
        )
    return max(began, key=lambda place: began[place])


def _started(place: Path) -> float | None:
    for file in (place / JOBS, place / "problems/prepare.log"):
        try:
            return file.stat().st_mtime
        except OSError:
            continue
    return None


def _listed(path: Path) -> Run | None:
    """The run as its list tells; None where there is none that can be read."""
    try:
        began = (path / JOBS).stat().st_mtime
        told = json.loads((path / JOBS).read_text(encoding="utf-8"))
        jobs = [_job(path, job) for job in told["jobs"]]
        snakemake = dict(told["snakemake"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return Run(path, jobs, is_alive(snakemake), began, snakemake, listed=True)


def _job(path: Path, told: dict) -> Job:
    log, problems = (next((path / name for name in told[key]), None) for key in ("log", "problems"))
    outputs = [path / name for name in told["outputs"]]
    return Job(str(told["rule"]), str(told["name"]), log, outputs, problems, bool(told["runs"]))


def _found(path: Path) -> list[Job]:
    """The jobs whose logs are there."""
    jobs = []
    for log in sorted(log for depth in _DEPTHS for log in path.glob(depth)):
        rule, outputs = BY_LOG.get(log.stem, (log.stem, []))
        if rule == "compare_policies" and log.parent != path:
            rule = "compare_evaluation"
        if log.parent.name == "analyses":
            rule, outputs = f"analyse_{log.stem}", [f"{log.stem}.csv"]
        name = (
            log.parent.relative_to(path)
            .as_posix()
            .removesuffix("problems")
            .removesuffix("analyses")
        )
        places = [log.parent / output for output in outputs]
        jobs.append(Job(rule, "" if name == "." else name, log, places, _problems_of(log, path)))
    return jobs


def _problems_of(log: Path, path: Path) -> Path | None:
    """The problems that a sampling is of, by its evaluation's name."""
    split = {"train": "train", "validation": "validation"}.get(log.parent.name, "test")
    if log.stem == "first_attempts" or log.parent.name.startswith("iteration"):
        split = "train"
    return path / "problems" / f"{split}.jsonl"


def modified(paths: Iterable[Path], pick: Callable = max) -> float | None:
    """When the last of these was changed; None where one is not there."""
    try:
        return pick((path.stat().st_mtime for path in paths), default=None)
    except OSError:
        return None


def age_of(path: Path | None) -> float | None:
    """Seconds since a file was changed; None where it is not there."""
    at = None if path is None else modified([path])
    return None if at is None else max(0.0, time.time() - at)
