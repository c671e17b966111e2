"""How much a second attempt changes: stated answers, and edit distances between the attempts.

    python -m score.analyses.changes --attempts base=base/attempts.parquet \
        score/seed0=score/seed0/attempts.parquet --train-attempts score/seed0=train.parquet \
        --csv changes.csv --figure changes.png

A policy that collapsed into copying stands at an edit-distance ratio of 0. One that revises on
training problems and copies on test problems shows by its two histograms (SCoRe, section 4).
"""

import sys

import numpy as np
import pandas as pd

from score.analyses.command import add_attempts_flags, analysis_parser, write_analysis
from score.analyses.figures import arm_styles, legend, line_key, panels
from score.analyses.instances import (
    by_arm,
    per_problem,
    read_attempts,
)
from score.analyses.intervals import estimate
from score.evaluation.metrics import edit_distance_ratio

BINS = 20  # equal ones from 0 to 1, named by where they begin
BIN_NAMES = tuple(f"ratio_from_{number / BINS:.2f}" for number in range(BINS))
QUANTITIES = ("change_rate", "edit_distance_ratio", "identical")


def changes(attempts: pd.DataFrame) -> pd.DataFrame:
    """QUANTITIES and BIN_NAMES from attempt 1 to 2, one row a problem (index).

    change_rate: rollouts whose stated answer differs; none twice is no change.
    edit_distance_ratio: mean of Levenshtein distances over the sum of lengths. identical: share of
    equal texts. BIN_NAMES: share of rollouts with such a ratio; the last bin holds 1 as well.
    """
    before, after = attempts["extracted_t1"], attempts["extracted_t2"]
    texts = [attempts[f"attempt_t{turn}"].fillna("") for turn in (1, 2)]
    ratios = np.array([edit_distance_ratio(*pair) for pair in zip(*texts, strict=True)])
    differs = (before.isna() != after.isna()) | (before.fillna("") != after.fillna(""))
    values = {"change_rate": differs.to_numpy(bool), "edit_distance_ratio": ratios}
    values["identical"] = ratios == 0
    place = np.minimum(np.floor(ratios * BINS + 1e-9), BINS - 1)  # 0.15 · 20 is below 3 in floats
    values |= {name: place == number for number, name in enumerate(BIN_NAMES)}
    return per_problem(attempts["problem_id"], pd.DataFrame(values))


def change_table(splits: dict[str, dict[str, pd.DataFrame]], *, samples: int, seed: int):
    """One row an arm and split: QUANTITIES with intervals and spread, then the histogram.

    splits: split -> instance -> judged attempts.
    """
    rows = []
    for split, instances in splits.items():
        changed = {name: changes(attempts) for name, attempts in instances.items()}
        for arm, seeds in by_arm(changed).items():
            row = {"arm": arm, "split": split, "num_seeds": len(seeds)}
            row["num_problems"] = len(seeds[0])
            quantities = [frame[list(QUANTITIES)] for frame in seeds]
            row |= estimate(quantities, samples=samples, seed=seed)
            means = [frame[list(BIN_NAMES)].mean() for frame in seeds]
            rows.append(row | dict(sum(means) / len(means)))
    return pd.DataFrame(rows)


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel an arm: histograms of the edit-distance ratio, test filled and train outlined."""
    colours = arm_styles(arms, list(table["arm"]))
    drawn = list(colours)
    title = "Edit distance from attempt 1 to attempt 2, over the sum of their lengths"
    labels = {"x": "ratio (0: identical texts)", "y": "% of rollouts"}
    figure, axes = panels(len(drawn), title, **labels, sharex=True, sharey=True)
    edges = np.arange(BINS + 1) / BINS
    used = table[list(BIN_NAMES)].to_numpy().any(axis=0).nonzero()[0].max() + 1
    for axis, arm in zip(axes, drawn, strict=True):
        notes = []
        for _, row in table[table["arm"] == arm].iterrows():
            heights = 100 * row[list(BIN_NAMES)].to_numpy(float)
            if row["split"] == "test":
                axis.stairs(heights, edges, fill=True, color=colours[arm].colour, alpha=0.55)
            else:
                axis.stairs(heights, edges, color="#222222", lw=1.1)
            notes.append(f"{row['split']}: {100 * row['change_rate']:.0f} %")
        text = "answer changed\n" + "\n".join(notes)
        axis.text(0.97, 0.95, text, transform=axis.transAxes, ha="right", va="top", fontsize=7)
        axis.set_title(arm)
    highest = 100 * table[list(BIN_NAMES)].to_numpy().max()
    axes[0].set(xlim=(0, max(0.5, edges[used])), ylim=(0, 1.08 * highest))
    keys = [line_key("test problems (filled)", "#888888", lw=6, alpha=0.6)]
    if "train" in set(table["split"]):
        keys.append(line_key("training problems (outline)", "#222222", lw=1.1))
    legend(figure, keys)
    return figure


def main(arguments: list[str] | None = None) -> None:
    parser = analysis_parser("analyse_changes", __doc__)
    add_attempts_flags(parser)
    parser.add_argument("--train-attempts", nargs="*", help="the same on training problems")
    flags = parser.parse_args(arguments)
    try:
        given = {"test": ("--attempts", flags.attempts)}
        given["train"] = ("--train-attempts", flags.train_attempts)
        needed = ("attempt", "extracted", "correct")
        splits = {split: read_attempts(*told, needed) for split, told in given.items()}
        table = change_table(splits, samples=flags.bootstrap_samples, seed=flags.bootstrap_seed)
    except ValueError as error:
        sys.exit(f"analyse_changes: {error}")
    write_analysis(flags, table, plot)


if __name__ == "__main__":
    main()
