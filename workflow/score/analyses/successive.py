"""Accuracy over successive attempts at a problem: does revising go on to help?

    python -m score.analyses.successive --attempts base=base/ten/attempts.parquet \\
        score/seed0=score/seed0/ten/attempts.parquet --csv successive.csv --figure successive.png

The attempts are those of one conversation, attempt_t1 to attempt_tN of each rollout, beyond the
turns that a policy was trained on.
"""

import pandas as pd

from score.analyses.command import analyse_attempts
from score.analyses.figures import GREY, arm_panels, band_key, draw_band, legend, line_key
from score.analyses.intervals import estimate, outcomes
from score.comparison.instances import by_arm
from score.evaluation.metrics import RATES, turns_of
from score.jobs.command import Command

COMMAND = Command(__spec__, __doc__)
CHANGES = ("delta_from_first", *RATES[3:])  # against attempt 1


def successive(instances: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row an arm and turn: accuracy, and its change against attempt 1, with intervals.

    instances: instance -> verified attempts.
    """
    rows = []
    for arm, seeds in by_arm(instances).items():
        for turn in turns_of(seeds[0].columns, "correct"):
            values = [outcomes(attempts, 1, turn)[list(RATES[1:])] for attempts in seeds]
            names = {"accuracy_t2": "accuracy", "delta": "delta_from_first"}
            values = [frame.rename(columns=names) for frame in values]
            row = {"arm": arm, "turn": turn, **estimate(values)}
            if turn == 1:  # what is compared with itself does not vary
                row |= {key: 0.0 for key in row if key.startswith(CHANGES)}
            rows.append(row)
    return pd.DataFrame(rows)


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel an arm, its accuracy over attempts with a 95 % band before those of all others."""
    title = "Accuracy of successive attempts at a problem"
    labels = {"x": "attempt", "y": "accuracy (% of problems)"}
    figure, drawn = arm_panels(title, table, arms, **labels)
    for axis, part, colour in drawn:
        for _, other, _ in drawn:
            axis.plot(other["turn"], 100 * other["accuracy"], color="#C8C8C8", lw=0.8)
        draw_band(axis, part["turn"], part, "accuracy", color=colour)
        last = table["turn"].max()
        axis.set_xticks(range(1, last + 1, 1 if last <= 10 else 2))
    keys = [line_key("the panel's policy", "#444444", marker="."), band_key("95 % interval")]
    if len(drawn) > 1:
        keys.append(line_key("the other policies", GREY, lw=0.8))
    legend(figure, keys)
    return figure


def main(arguments: list[str] | None = None) -> None:
    analyse_attempts(COMMAND, arguments, successive, plot, ["correct"])


if __name__ == "__main__":
    COMMAND.run(main)
