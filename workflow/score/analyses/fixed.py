"""Correction of the base policy's first attempts against that of a policy's own.

    python -m score.analyses.fixed --attempts score/seed0=score/seed0/attempts.parquet \\
        --fixed score/seed0=score/seed0/fixed/attempts.parquet --csv fixed.csv --figure fixed.png

A policy may gain by better first attempts or by better corrections. On first attempts that are the
same for all, sampled once from the base policy, corrections alone make the difference.
"""

import pandas as pd

from score.analyses.command import ATTEMPTS, analysis_flags, write_analysis
from score.analyses.figures import dot_key, dot_legend, dot_panels, percent_limits, ranges
from score.analyses.intervals import estimate, outcomes
from score.comparison.instances import by_arm, read_attempts
from score.jobs.command import Command, several

COMMAND = Command(__spec__, __doc__)
SHOWN = (
    ("right_if_wrong", "wrong attempts corrected", "% of wrong first attempts"),
    ("right_if_right", "right attempts kept right", "% of right first attempts"),
    ("delta", "change of accuracy", "Δ (points)"),
    ("accuracy_t2", "accuracy of attempt 2", "% of problems"),
)


def _with_conditionals(means: pd.DataFrame) -> pd.DataFrame:
    """P(right after | wrong before) and P(right after | right before), beside the rates."""
    wrong, right = 1 - means["accuracy_t1"], means["accuracy_t1"]
    kept = means["accuracy_t2"] - means["incorrect_to_correct"]
    return means.assign(
        right_if_wrong=(means["incorrect_to_correct"] / wrong).where(wrong > 1e-9),
        right_if_right=(kept / right).where(right > 1e-9),
    )


def correction(sources: dict[str, dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """One row an arm and source of first attempts: rates of self-correction, with intervals.

    sources: `own` or `fixed` -> instance -> verified attempts. Conditional rates are empty where no
    attempt 1 fulfils their condition.
    """
    rows = []
    for source, instances in sources.items():
        for arm, seeds in by_arm(instances).items():
            values = [outcomes(attempts) for attempts in seeds]
            rates = estimate(values, _with_conditionals)
            rows.append({"arm": arm, "first_attempts": source, **rates})
    return pd.DataFrame(rows)


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel a quantity, a row an arm: own first attempts hollow, those of base filled."""
    of_source = {source: part for source, part in table.groupby("first_attempts")}
    parts = []
    for name, heading, label in SHOWN:
        series = [ranges(of_source[source], name, 100) for source in ("own", "fixed")]
        parts.append((heading, label, "o", series))
    title = "Correction of a policy's own first attempts and of the base policy's"
    figure, axes = dot_panels(title, table, arms, parts)
    percent_limits([axes[0], axes[1], axes[3]])
    axes[2].axvline(0, color="#777777", lw=0.8, zorder=0)
    own = dot_key("the policy's own first attempts", True)
    dot_legend(figure, own, dot_key("the base policy's first attempts", False))
    return figure


def main(arguments: list[str] | None = None) -> None:
    on_base = several("the same, on first attempts of the base policy")
    flags = analysis_flags(COMMAND, arguments, **ATTEMPTS, fixed=on_base)
    with COMMAND.errors():
        own = read_attempts("--attempts", flags.attempts, ["correct"])
        fixed = read_attempts("--fixed", flags.fixed, ["correct"])
        table = correction({"own": own, "fixed": fixed})
    write_analysis(flags, table, plot)


if __name__ == "__main__":
    COMMAND.run(main)
