"""Accuracies and changes between two attempts by the level of problems.

    python -m score.analyses.levels --attempts base=base/attempts.parquet \\
        score/seed0=score/seed0/attempts.parquet --csv levels.csv --figure levels.png

Problems without a level are left out. Where none has one, the table is empty.
"""

from collections.abc import Iterable

import pandas as pd

from score.analyses.command import analyse_attempts
from score.analyses.figures import (
    dot_key,
    dot_legend,
    dot_panels,
    notice,
    percent_limits,
    ranges,
    same_limits,
)
from score.analyses.intervals import estimate, outcomes
from score.comparison.instances import by_arm
from score.evaluation.metrics import ENDS, RATES
from score.files.visible import visible
from score.jobs.command import Command

COMMAND = Command(__spec__, __doc__)
TITLE = "Accuracy, and what a second attempt changes, by level"
COLUMNS = ("arm", "level", "num_seeds", "num_problems")


def in_order(levels: Iterable[str]) -> list[str]:
    """Distinct levels, by number where all are numbers, else by their text."""
    distinct = sorted(set(levels))
    try:
        return sorted(distinct, key=float)
    except ValueError:
        return distinct


def _names(levels: pd.Series) -> pd.Series:
    """Levels as text; whole numbers, which nulls turn to floats, without `.0`."""
    if pd.api.types.is_numeric_dtype(levels):
        return levels.map(lambda level: f"{level:g}", na_action="ignore")
    return levels.map(str, na_action="ignore")


def by_level(instances: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row an arm and level: RATES as fractions of the level's problems, with intervals.

    instances: instance -> verified attempts, with a column `level` where problems have one.
    """
    columns = [*COLUMNS, *(f"{rate}{end}" for rate in RATES for end in (*ENDS, "_sd"))]
    rows = []
    for arm, seeds in by_arm(instances).items():
        named = [part.assign(level=_names(part["level"])) for part in seeds if "level" in part]
        for level in in_order(level for part in named for level in part["level"].dropna()):
            values = [outcomes(part[part["level"] == level]) for part in named]
            rows.append({"arm": arm, "level": level, **estimate(values)})
    return pd.DataFrame(rows, columns=columns)


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A column a level: both accuracies above, gains and losses below."""
    if table.empty:
        return notice(TITLE, "The problems have no level: set problems: level_col to show this.")
    levels = in_order(table["level"])
    parts = []
    for hollow, filled, label, marker in (
        ("accuracy_t1", "accuracy_t2", "accuracy (% of problems)", "o"),
        ("correct_to_incorrect", "incorrect_to_correct", "changed (% of problems)", "D"),
    ):
        for level in levels:
            part = table[table["level"] == level]
            heading = f"level {visible(level, 30)} ({part['num_problems'].max()} problems)"
            series = [ranges(part, rate, 100) for rate in (hollow, filled)]
            parts.append((heading, label, marker, series))
    figure, axes = dot_panels(TITLE, table, arms, parts, most=len(levels))
    percent_limits(axes)
    same_limits(axes[: len(levels)])
    same_limits(axes[len(levels) :])
    keys = [dot_key("attempt 1", True), dot_key("attempt 2", False)]
    keys += [dot_key("right → wrong", True, "D"), dot_key("wrong → right", False, "D")]
    dot_legend(figure, *keys)
    return figure


def main(arguments: list[str] | None = None) -> None:
    analyse_attempts(COMMAND, arguments, by_level, plot, ["correct"], if_present=["level"])


if __name__ == "__main__":
    COMMAND.run(main)
