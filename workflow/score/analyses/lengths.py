"""Length of attempts and how many were cut at the limit, by turn.

    python -m score.analyses.lengths --attempts base=base/attempts.parquet \\
        score/seed0=score/seed0/attempts.parquet --csv lengths.csv --figure lengths.png
"""

import pandas as pd

from score.analyses.command import analyse_attempts
from score.analyses.figures import dot_key, dot_legend, dot_panels, percent_limits, ranges
from score.analyses.intervals import estimate, per_problem
from score.comparison.instances import by_arm
from score.evaluation.metrics import turns_of
from score.jobs.command import Command

COMMAND = Command(__spec__, __doc__)
SHOWN = (
    ("tokens", 1, "mean length", "tokens of an attempt"),
    ("truncated_rate", 100, "cut at the limit", "% of attempts"),
)


def lengths(instances: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row an arm and turn: mean tokens of an attempt, share of truncated ones, longest attempt.

    instances: instance -> verified attempts with tokens and truncated of every turn. The first two
    have intervals; tokens_max is a number of tokens.
    """
    rows = []
    for arm, seeds in by_arm(instances).items():
        for turn in turns_of(seeds[0].columns, "tokens"):
            columns = {f"tokens_t{turn}": "tokens", f"truncated_t{turn}": "truncated_rate"}
            values = [
                per_problem(part["problem_id"], part[list(columns)].rename(columns=columns))
                for part in seeds
            ]
            row = {"arm": arm, "turn": turn, **estimate(values)}
            row["tokens_max"] = max(int(part[f"tokens_t{turn}"].max()) for part in seeds)
            rows.append(row)
    return pd.DataFrame(rows)


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A row an arm: length and truncation of attempt 1 (hollow) and of the last one (filled)."""
    last = table["turn"].max()
    parts = []
    for name, scale, heading, label in SHOWN:
        series = [ranges(table[table["turn"] == turn], name, scale) for turn in (1, last)]
        parts.append((heading, label, "o", series))
    figure, axes = dot_panels("Length of attempts, and how many were cut", table, arms, parts)
    percent_limits(axes[1:])
    dot_legend(figure, dot_key("attempt 1", True), dot_key(f"attempt {last}", False))
    return figure


def main(arguments: list[str] | None = None) -> None:
    analyse_attempts(COMMAND, arguments, lengths, plot, ("tokens", "truncated", "correct"))


if __name__ == "__main__":
    COMMAND.run(main)
