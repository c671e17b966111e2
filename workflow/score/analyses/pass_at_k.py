"""pass@k of both attempts: is at least one of k samples right?

    python -m score.analyses.pass_at_k --attempts base=base/attempts.parquet \\
        score/seed0=score/seed0/attempts.parquet \\
        --csv pass_at_k.csv --markdown pass_at_k.md --figure pass_at_k.png

Of each problem n first attempts are sampled, and of each of them one correction. pass@k of attempt 1 is
about k of the n first attempts; pass@k of attempt 2 about the corrections of k of them, one for each, so
it takes 2k attempts. With c right ones among n, the unbiased estimate (Chen et al. 2021, Eq 1) is

    pass@k = 1 - C(n - c, k) / C(n, k)

of each problem, and their mean over problems. At k = 1 both are the accuracies at that temperature.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from score.analyses.command import ATTEMPTS, analysis_flags, write_analysis
from score.analyses.figures import (
    GREY,
    arm_panels,
    band_key,
    draw_band,
    legend,
    line_key,
    powers_of_two,
)
from score.analyses.intervals import estimate
from score.comparison.instances import by_arm, read_attempts
from score.comparison.tables import HOW_SURE, interval, markdown_table, write_page
from score.evaluation.metrics import ENDS
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)
QUANTITIES = ("attempt_1", "attempt_2", "difference")
EXPLANATION = (
    "pass@k in percent of problems, with 95 % intervals: the chance that of k samples at least one is "
    "right. Of each problem n first attempts were sampled, and one correction of each. Attempt 1: k of "
    "the first attempts. Attempt 2: the corrections of k first attempts, one for each, so that pass@k "
    "of attempt 2 takes as many attempts as pass@2k of attempt 1. Estimated without bias from all n, as "
    "1 - C(n - c, k) / C(n, k) with c right ones. "
)


def pass_at_k(right: np.ndarray, samples: int, k: int) -> np.ndarray:
    """1 - C(n - c, k) / C(n, k) for each number c of right ones among n samples (any shape).

    As the product over i = n - c + 1 … n of (1 - k / i), whose factors are all within 0 and 1 (Chen et
    al. 2021, Figure 3). ValueError unless 1 <= k <= n.
    """
    if not 1 <= k <= samples:
        raise ValueError(f"k is {k}; expected 1 to {samples}, the samples of a problem.")
    factors = 1 - k / np.arange(samples, 0, -1)  # i = n, n - 1, …, 1
    # a problem with more than n - k right ones has a factor of 0: any k samples hold one of them
    none_right = np.concatenate([[1.0], np.cumprod(np.maximum(factors, 0))])
    return 1 - none_right[np.asarray(right, dtype=int)]


def budgets(samples: int) -> list[int]:
    """1, 2, 4 … up to the samples of a problem."""
    return [2**i for i in range(samples.bit_length())]


def passes(attempts: pd.DataFrame, ks: Sequence[int] | None = None) -> dict[int, pd.DataFrame]:
    """k -> QUANTITIES, one row a problem (index).

    attempts: n rollouts of each problem with correct of turns 1 and 2. ks: None for
    `budgets(n)`. ValueError where problems have different numbers of samples, since n is one number.
    """
    grouped = attempts.groupby("problem_id")
    sizes, right = grouped.size(), grouped[["correct_t1", "correct_t2"]].sum()
    samples = int(sizes.iloc[0])
    if (sizes != samples).any():
        other = sizes.index[sizes != samples][0]
        raise ValueError(
            f"problem {sizes.index[0]!r} has {samples} samples and {other!r} {sizes[other]}; expected "
            "as many of each. Sample again."
        )
    result = {}
    for k in budgets(samples) if ks is None else ks:
        first, second = (pass_at_k(right[f"correct_t{turn}"], samples, k) for turn in (1, 2))
        columns = (first, second, second - first)
        result[k] = pd.DataFrame(dict(zip(QUANTITIES, columns, strict=True)), right.index)
    return result


def pass_table(instances: dict[str, pd.DataFrame], ks: Sequence[int] | None = None) -> pd.DataFrame:
    """One row an arm and k: `samples` (n, the fewest of its seeds), and QUANTITIES with intervals."""
    counted, samples = {}, {}
    for name, attempts in instances.items():
        if "correction" in attempts:  # one for each first attempt
            attempts = attempts[attempts["correction"] == 0]
        samples[name] = int(attempts["problem_id"].value_counts().min())
        try:
            counted[name] = passes(attempts, ks)
        except ValueError as error:
            raise ValueError(f"attempts of {name!r}: {error}") from None
    rows, fewest = [], {arm: min(counts) for arm, counts in by_arm(samples).items()}
    for arm, seeds in by_arm(counted).items():
        for k in seeds[0]:
            found = estimate([of_seed[k] for of_seed in seeds])
            rows.append({"arm": arm, "k": k, "samples": fewest[arm], **found})
    return pd.DataFrame(rows)


def markdown_text(table: pd.DataFrame) -> str:
    """Two rows an arm, attempt 1 and 2, and a column a k."""
    ks = sorted(table["k"].unique())
    cells = [["policy", "attempt", "problems", "seeds", *(f"pass@{k}" for k in ks)]]
    for arm, part in table.groupby("arm", sort=False):
        by_k = part.set_index("k")
        sizes = [f"{part[name].iloc[0]}" for name in ("num_problems", "num_seeds")]
        for turn in (1, 2):
            ends = [[by_k.loc[k, f"attempt_{turn}{end}"] for end in ENDS] for k in ks]
            cells.append([arm, str(turn), *sizes, *(interval(*values) for values in ends)])
    return f"{markdown_table(cells)}\n{EXPLANATION}{HOW_SURE}\n"


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel an arm: pass@k of both attempts over k, with 95 % bands."""
    title = "pass@k: at least one of k samples is right"
    labels = {"x": "k, samples of a problem", "y": "pass@k (% of problems)"}
    figure, drawn = arm_panels(title, table, arms, **labels)
    dashed = (0, (3, 1.5))
    for axis, part, of_arm in drawn:
        draw_band(axis, part["k"], part, "attempt_1", color=GREY, ls=dashed)
        draw_band(axis, part["k"], part, "attempt_2", color=of_arm)
        powers_of_two(axis, table["k"])
    keys = [
        line_key("attempt 2: corrections of k first attempts, one for each", "#444444", marker="."),
        line_key("attempt 1: k first attempts", GREY, dashed, marker="."),
        band_key("95 % interval"),
    ]
    legend(figure, keys)
    return figure


def main(arguments: list[str] | None = None) -> None:
    flags = analysis_flags(
        COMMAND,
        arguments,
        **ATTEMPTS,
        ks=optional("which k; without it 1, 2, 4, …", type=int, nargs="+"),
        markdown="table of percents to write",
    )
    with COMMAND.errors():
        attempts = read_attempts("--attempts", flags.attempts, ["correct"], ["correction"])
        table = pass_table(attempts, flags.ks)
    write_page(flags.markdown, markdown_text(table))
    write_analysis(flags, table, plot)


if __name__ == "__main__":
    COMMAND.run(main)
