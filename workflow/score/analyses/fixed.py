"""Correction of the base policy's first attempts against that of a policy's own.

    python -m score.analyses.fixed --attempts score/seed0=score/seed0/attempts.parquet \
        --fixed score/seed0=score/seed0/fixed/attempts.parquet --csv fixed.csv --figure fixed.png

A policy may gain by better first attempts or by better corrections. On first attempts that are the
same for all, sampled once from the base policy, corrections alone make the difference.
"""

import sys

import pandas as pd

from score.analyses.command import add_attempts_flags, analysis_parser, write_analysis
from score.analyses.figures import (
    arm_styles,
    dot_key,
    dot_panels,
    legend,
    line_key,
    percent_limits,
    ranges,
)
from score.analyses.instances import (
    by_arm,
    outcomes,
    read_attempts,
)
from score.analyses.intervals import estimate

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


def correction(sources: dict[str, dict[str, pd.DataFrame]], *, samples: int, seed: int):
    """One row an arm and source of first attempts: rates of self-correction, with intervals.

    sources: `own` or `fixed` -> instance -> judged attempts. Conditional rates are empty where no
    attempt 1 fulfils their condition.
    """
    rows = []
    for source, instances in sources.items():
        for arm, seeds in by_arm(instances).items():
            values = [outcomes(attempts) for attempts in seeds]
            row = {"arm": arm, "first_attempts": source, "num_seeds": len(seeds)}
            row["num_problems"] = len(values[0])
            rows.append(row | estimate(values, _with_conditionals, samples=samples, seed=seed))
    return pd.DataFrame(rows)


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel a quantity, a row an arm: own first attempts hollow, those of base filled."""
    parts = []
    for name, heading, label in SHOWN:
        of = {source: part for source, part in table.groupby("first_attempts")}
        series = [ranges(of[source], name, 100) for source in ("own", "fixed")]
        parts.append((heading, label, "o", series))
    title = "Correction of a policy's own first attempts and of the base policy's"
    figure, axes = dot_panels(title, arm_styles(arms, list(table["arm"])), parts)
    percent_limits([axes[0], axes[1], axes[3]])
    axes[2].axvline(0, color="#777777", lw=0.8, zorder=0)
    keys = [dot_key("the policy's own first attempts", True)]
    keys.append(dot_key("the base policy's first attempts", False))
    legend(figure, [*keys, line_key("95 % interval", lw=1.2)])
    return figure


def main(arguments: list[str] | None = None) -> None:
    parser = analysis_parser("analyse_fixed", __doc__)
    add_attempts_flags(parser)
    parser.add_argument("--fixed", required=True, nargs="+", help="the same on base's attempts 1")
    flags = parser.parse_args(arguments)
    try:
        given = {"own": ("--attempts", flags.attempts), "fixed": ("--fixed", flags.fixed)}
        sources = {source: read_attempts(*told, ("correct",)) for source, told in given.items()}
        table = correction(sources, samples=flags.bootstrap_samples, seed=flags.bootstrap_seed)
    except ValueError as error:
        sys.exit(f"analyse_fixed: {error}")
    write_analysis(flags, table, plot)


if __name__ == "__main__":
    main()
