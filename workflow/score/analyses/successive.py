"""Accuracy over successive attempts at a problem: does revising go on to help?

    python -m score.analyses.successive --attempts base=base/ten/attempts.parquet \
        score/seed0=score/seed0/ten/attempts.parquet --csv successive.csv --figure successive.png

The attempts are those of one conversation, attempt_t1 to attempt_tN of each rollout, beyond the
turns that a policy was trained on.
"""

import pandas as pd

from score.analyses.command import analyse_attempts
from score.analyses.figures import GREY, arm_styles, band_key, legend, line_key, panels
from score.analyses.instances import (
    by_arm,
    outcomes,
)
from score.analyses.intervals import estimate
from score.evaluation.metrics import ENDS, RATES, turns_of


def successive(instances: dict[str, pd.DataFrame], *, samples: int, seed: int) -> pd.DataFrame:
    """One row an arm and turn: accuracy, and its change against attempt 1, with intervals."""
    rows = []
    for arm, seeds in by_arm(instances).items():
        turns = turns_of(seeds[0].columns, "correct")
        for turn in turns:
            values = [outcomes(attempts, 1, turn)[list(RATES[1:])] for attempts in seeds]
            names = {"accuracy_t2": "accuracy", "delta": "delta_from_first"}
            values = [frame.rename(columns=names) for frame in values]
            row = {"arm": arm, "turn": turn, "num_seeds": len(seeds)}
            row["num_problems"] = len(values[0])
            rows.append(row | estimate(values, samples=samples, seed=seed))
    return pd.DataFrame(rows)


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel an arm, its accuracy over attempts with a 95 % band before those of all others."""
    colours = arm_styles(arms, list(table["arm"]))
    drawn = list(colours)
    title = "Accuracy of successive attempts at a problem"
    labels = {"x": "attempt", "y": "accuracy (% of problems)"}
    figure, axes = panels(len(drawn), title, **labels, sharex=True, sharey=True)
    for axis, arm in zip(axes, drawn, strict=True):
        for other in drawn:
            part = table[table["arm"] == other]
            axis.plot(part["turn"], 100 * part["accuracy"], color="#C8C8C8", lw=0.8)
        part, colour = table[table["arm"] == arm], colours[arm].colour
        value, low, high = (100 * part[f"accuracy{end}"] for end in ENDS)
        axis.fill_between(part["turn"], low, high, color=colour, alpha=0.2, lw=0)
        axis.plot(part["turn"], value, color=colour, marker=".")
        axis.set_title(arm)
        last = table["turn"].max()
        axis.set_xticks(range(1, last + 1, 1 if last <= 10 else 2))
    keys = [line_key("the panel's policy", "#444444", marker="."), band_key("95 % interval")]
    if len(drawn) > 1:
        keys.append(line_key("the other policies", GREY, lw=0.8))
    legend(figure, keys)
    return figure


def main(arguments: list[str] | None = None) -> None:
    needed = ("correct",)
    analyse_attempts("analyse_successive", __doc__, successive, plot, arguments, needed=needed)


if __name__ == "__main__":
    main()
