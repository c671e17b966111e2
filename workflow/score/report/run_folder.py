"""What a run has left in its folder, whole or half: policies, tables, figures, and what is missing."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

from score.comparison.instances import arm_of

TABLES = (
    "self_correction",
    "claims",
    "pairs",
    "paper_comparison",
)  # the order of those that are known
DESCRIPTION = "run.json"
_KINDS = {"config": dict, "instances": list, "analyses": list}  # what else stands there is no run's


@dataclass
class RunFolder:
    """A results folder.

    description: what the workflow wrote into run.json (config, instances, analyses), {} without it.
    missing: a sentence for each thing that a whole run has and this one lacks.
    """

    path: Path
    description: dict
    missing: list[str] = field(default_factory=list)

    @property
    def config(self) -> dict:
        return self.description.get("config", {})

    @property
    def name(self) -> str:
        return str(self.config.get("run_name") or self.path.resolve().name)

    def instances(self) -> list[str]:
        """Instances of the evaluation `test` in the order of the table, those without attempts too."""
        if "instances" in self.description:
            return [str(name) for name in self.description["instances"]]
        found = [
            str(file.parent.parent.relative_to(self.path))
            for pattern in ("*/test/attempts.parquet", "*/seed*/test/attempts.parquet")
            for file in self.path.glob(pattern)
        ]
        rows = [row["policy"] for row in self.rows()]
        return sorted(found, key=lambda name: (_place(rows, arm_of(name)), natural(name)))

    def attempts(self, instance: str) -> Path:
        return self.path / instance / "test" / "attempts.parquet"

    def rows(self) -> list[dict]:
        """The rows of self_correction.csv, texts; none where it is missing."""
        path = self.path / "self_correction.csv"
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            try:
                return [row for row in csv.DictReader(file) if row.get("policy")]
            except csv.Error:
                return []

    def tables(self) -> list[Path]:
        """The pages of tables that the run has made, THE table first."""
        found = {file.stem: file for file in sorted(self.path.glob("*.md"))}
        return [found[name] for name in sorted(found, key=lambda name: _place(TABLES, name))]

    def analyses(self) -> list[str]:
        """Names of the analyses: those the run was asked for, else those that are there."""
        if "analyses" in self.description:
            return [str(name) for name in self.description["analyses"]]
        tables = {file.stem for file in self.path.glob("analyses/*.csv")}
        drawn = {file.stem for file in (self.path / "figures").glob("*.[ps][nv]g")}
        alone = {name for name in drawn if not any(name.startswith(f"{t}_") for t in tables)}
        return sorted(tables | alone)

    def figures(self, name: str) -> list[Path]:
        """The figures of an analysis, `name` first and then each `name_…`; SVG where there is one."""
        found = {file.stem: file for kind in ("png", "svg") for file in self._figures(name, kind)}
        others = set(self.analyses()) - {name}
        return [found[stem] for stem in sorted(found) if stem not in others]

    def _figures(self, name: str, kind: str) -> list[Path]:
        folder = self.path / "figures"
        return [*folder.glob(f"{name}.{kind}"), *folder.glob(f"{name}_*.{kind}")]

    def data(self, name: str) -> list[Path]:
        """The tables of an analysis: a page of markdown where it has one, and the CSV."""
        places = (self.path / "analyses" / f"{name}.{kind}" for kind in ("md", "csv"))
        return [place for place in places if place.is_file()]

    def json(self, name: str) -> dict:
        """A JSON object of the run, {} where it is missing or broken."""
        return read_object(self.path / name)


def open_run(path: str | Path) -> RunFolder:
    """The run in a folder, with what it lacks. ValueError where the folder is no run's."""
    path = Path(path)
    if not path.is_dir():
        raise ValueError(
            f"--results is {path}, which is no folder; expected one like results/puzzle. "
            "Correct the path, or make the run first."
        )
    told = read_object(path / DESCRIPTION).items()
    description = {key: value for key, value in told if isinstance(value, _KINDS.get(key, object))}
    run = RunFolder(path, description)
    instances = run.instances()
    if not (instances or run.rows() or run.tables() or run.analyses()):
        raise ValueError(
            f"--results is {path}, which holds no table, no attempts and no analyses; expected the "
            "folder of a run, such as results/puzzle. Correct the path, or make the run first."
        )
    run.missing += _lacking(run, instances)
    return run


def _lacking(run: RunFolder, instances: list[str]) -> list[str]:
    lacking = []
    if not run.config:
        lacking.append(f"{DESCRIPTION}, so the settings of the run are not known")
    if not run.rows():
        lacking.append("self_correction.csv, the table of results")
    without = [name for name in instances if not run.attempts(name).is_file()]
    if without or not instances:
        names = ", ".join(without) or "any policy"
        lacking.append(f"verified attempts at the test problems by {names}")
    for name in run.analyses():
        if name not in [figure.stem for figure in run.figures(name)]:
            lacking.append(f"the figure of the analysis {name}")
    return lacking


def read_object(path: Path) -> dict:
    """A JSON object, {} where there is none or it can't be read."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _place(order, name: str) -> tuple[int, str]:
    order = list(order)
    return (order.index(name) if name in order else len(order), name)


def natural(name: str) -> tuple:
    """seed2 comes before seed10."""
    label = name.partition("/")[2]
    digits = "".join(filter(str.isdigit, label))
    return (int(digits) if digits else -1, label)
