"""How often right first answers are changed and wrong ones kept, and what becomes of them.

    python -m score.analyses.revisions --attempts base=base/attempts.parquet \\
        score/seed0=score/seed0/attempts.parquet --csv revisions.csv --figure revisions.png

Δ i→c and Δ c→i are shares of all problems, and so depend on how many first attempts are right. These are
shares of the right ones, and of the wrong ones. The same over training is in the training curves.
"""

import pandas as pd

from score.analyses.command import analyse_attempts
from score.analyses.figures import dot_legend, dot_panels, percent_limits, ranges
from score.analyses.intervals import estimate, per_problem
from score.comparison.instances import by_arm
from score.evaluation.metrics import unchanged_answers
from score.jobs.command import Command

COMMAND = Command(__spec__, __doc__)
SHOWN = (
    ("right_changed", "right: answer changed", "% of right first attempts"),
    ("right_spoiled", "right: then wrong", "% of right first attempts"),
    ("wrong_kept", "wrong: answer kept", "% of wrong first attempts"),
    ("wrong_corrected", "wrong: then right", "% of wrong first attempts"),
)


def revisions(instances: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row an arm: accuracy_t1 and the four shares of SHOWN, with intervals.

    instances: instance -> verified attempts. changed, kept: attempt 2 states another answer, or the
    same; stating none twice is keeping. spoiled, corrected: attempt 2 is wrong, or right. A changed
    right answer may be right again, and a wrong one that is not kept wrong again. Shares of nothing
    are empty.
    """
    rows = []
    for arm, seeds in by_arm(instances).items():
        rows.append({"arm": arm, **estimate([_counted(part) for part in seeds], _shares)})
    return pd.DataFrame(rows)


def _counted(attempts: pd.DataFrame) -> pd.DataFrame:
    """What becomes of first attempts, one row a problem (index), as shares of all its rollouts."""
    first, second = (attempts[f"correct_t{turn}"].to_numpy(bool) for turn in (1, 2))
    kept = unchanged_answers(attempts["extracted_t1"], attempts["extracted_t2"])
    values = {
        "accuracy_t1": first,
        "right_changed": first & ~kept,
        "right_spoiled": first & ~second,
        "wrong_kept": ~first & kept,
        "wrong_corrected": ~first & second,
    }
    return per_problem(attempts["problem_id"], pd.DataFrame(values))


def _shares(means: pd.DataFrame) -> pd.DataFrame:
    """The same, but shares of the right, or of the wrong, first attempts."""
    right, wrong = means["accuracy_t1"], 1 - means["accuracy_t1"]
    of_these = {name: right if name.startswith("right") else wrong for name, *_ in SHOWN}
    shares = {name: (means[name] / of).where(of > 1e-9) for name, of in of_these.items()}
    return means[["accuracy_t1"]].assign(**shares)


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel a share, a row an arm."""
    parts = [(title, label, "o", [ranges(table, name, 100)]) for name, title, label in SHOWN]
    title = "What a second attempt makes of right and of wrong first answers"
    figure, axes = dot_panels(title, table, arms, parts)
    percent_limits(axes)
    dot_legend(figure)
    return figure


def main(arguments: list[str] | None = None) -> None:
    analyse_attempts(COMMAND, arguments, revisions, plot, ("correct", "extracted"))


if __name__ == "__main__":
    COMMAND.run(main)
