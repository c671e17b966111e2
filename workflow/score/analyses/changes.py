"""How much a second attempt changes: stated answers, and edit distances between the attempts.

    python -m score.analyses.changes --attempts base=base/attempts.parquet \\
        score/seed0=score/seed0/attempts.parquet --train-attempts score/seed0=train.parquet \\
        --csv changes.csv --figure changes.png

A policy that collapsed into copying has an edit-distance ratio of 0. Two histograms show whether a
policy revises its answers to training problems but copies those to test problems (SCoRe, section 4).
"""

import numpy as np
import pandas as pd

from score.analyses.command import ATTEMPTS, analysis_flags, write_analysis
from score.analyses.figures import arm_panels, legend, line_key
from score.analyses.intervals import estimate, per_problem
from score.comparison.instances import by_arm, read_attempts
from score.evaluation.metrics import edit_distance_ratio, unchanged_answers
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)
BINS = 20  # equal ones from 0 to 1, named by where they begin
BIN_NAMES = tuple(f"ratio_from_{number / BINS:.2f}" for number in range(BINS))
QUANTITIES = ("change_rate", "edit_distance_ratio", "identical")


def changes(attempts: pd.DataFrame) -> pd.DataFrame:
    """QUANTITIES and BIN_NAMES from attempt 1 to 2, one row a problem (index).

    change_rate: share of rollouts whose stated answer differs; stating none twice is no change.
    edit_distance_ratio: mean of Levenshtein distances over the sum of lengths. identical: share of
    equal texts. BIN_NAMES: share of rollouts with such a ratio; the last bin holds 1 as well.
    """
    unchanged = unchanged_answers(attempts["extracted_t1"], attempts["extracted_t2"])
    texts = [attempts[f"attempt_t{turn}"].fillna("") for turn in (1, 2)]
    ratios = np.array([edit_distance_ratio(*pair) for pair in zip(*texts, strict=True)])
    values = dict(zip(QUANTITIES, (~unchanged, ratios, ratios == 0), strict=True))
    place = np.minimum(np.floor(ratios * BINS + 1e-9), BINS - 1)  # 0.15 · 20 is below 3 in floats
    values |= {name: place == number for number, name in enumerate(BIN_NAMES)}
    return per_problem(attempts["problem_id"], pd.DataFrame(values))


def change_table(splits: dict[str, dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """One row an arm and split: QUANTITIES with intervals, then the histogram as means over seeds.

    splits: split -> instance -> verified attempts.
    """
    rows = []
    for split, instances in splits.items():
        changed = {name: changes(attempts) for name, attempts in instances.items()}
        for arm, seeds in by_arm(changed).items():
            quantities = [frame[list(QUANTITIES)] for frame in seeds]
            row = {"arm": arm, "split": split, **estimate(quantities)}
            means = [frame[list(BIN_NAMES)].mean() for frame in seeds]
            rows.append(row | dict(sum(means) / len(means)))
    return pd.DataFrame(rows)


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel an arm: histograms of the edit-distance ratio, test filled and train outlined."""
    title = "Edit distance from attempt 1 to attempt 2, over the sum of their lengths"
    labels = {"x": "ratio (0: identical texts)", "y": "% of rollouts"}
    figure, drawn = arm_panels(title, table, arms, **labels)
    edges = np.arange(BINS + 1) / BINS
    used = table[list(BIN_NAMES)].to_numpy().any(axis=0).nonzero()[0].max() + 1
    for axis, part, colour in drawn:
        notes = []
        for _, row in part.iterrows():
            heights = 100 * row[list(BIN_NAMES)].to_numpy(float)
            if row["split"] == "test":
                axis.stairs(heights, edges, fill=True, color=colour, alpha=0.55)
            else:
                axis.stairs(heights, edges, color="#222222", lw=1.1)
            notes.append(f"{row['split']}: {100 * row['change_rate']:.0f} %")
        text = "answer changed\n" + "\n".join(notes)
        axis.text(0.97, 0.95, text, transform=axis.transAxes, ha="right", va="top", fontsize=7)
    highest = 100 * table[list(BIN_NAMES)].to_numpy().max()
    drawn[0][0].set(xlim=(0, max(0.5, edges[used])), ylim=(0, 1.08 * highest))
    keys = [line_key("test problems (filled)", "#888888", lw=6, alpha=0.6)]
    if "train" in set(table["split"]):
        keys.append(line_key("training problems (outline)", "#222222", lw=1.1))
    legend(figure, keys)
    return figure


def main(arguments: list[str] | None = None) -> None:
    train = optional("the same on training problems", nargs="*")
    flags = analysis_flags(COMMAND, arguments, **ATTEMPTS, train_attempts=train)
    with COMMAND.errors():
        columns = ("attempt", "extracted", "correct")
        splits = {
            "test": read_attempts("--attempts", flags.attempts, columns),
            "train": read_attempts("--train-attempts", flags.train_attempts, columns),
        }
        table = change_table(splits)
    write_analysis(flags, table, plot)


if __name__ == "__main__":
    COMMAND.run(main)
