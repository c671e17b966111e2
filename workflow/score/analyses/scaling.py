"""Inference-compute scaling: majority votes over parallel against sequential samples.

    python -m score.analyses.scaling --task math --attempts base=base/attempts.parquet \
        score/seed0=score/seed0/attempts.parquet --csv scaling.csv --figure scaling.png

At a budget of 2K attempts a problem, `parallel` votes over 2K first attempts and `sequential` over
K second attempts, each a correction of one of K first attempts (SCoRe, section 6). Samples are
those of the policy at temperature 0.7. At a budget of 2, sequential is the plain accuracy of
attempt 2.
"""

import math
import sys

import numpy as np
import pandas as pd

from score.analyses.command import add_attempts_flags, analysis_parser, write_analysis
from score.analyses.figures import GREY, arm_styles, band_key, legend, line_key, panels
from score.analyses.instances import (
    by_arm,
    read_attempts,
)
from score.analyses.intervals import resampled
from score.analyses.majority import vote_accuracy
from score.evaluation.metrics import CONFIDENCE
from score.tasks import load_task, vote_key_of

BUDGETS = (2, 4, 8, 16, 32)
QUANTITIES = ("parallel", "sequential", "difference")


def votes(
    attempts: pd.DataFrame, vote_key, budgets=BUDGETS, *, subsets: int = 500, seed: int = 0
) -> dict[int, pd.DataFrame]:
    """Budget -> QUANTITIES, one row a problem (index): expected correctness of the votes.

    attempts: S rollouts of each problem with extracted and correct of turns 1 and 2, of which each
    first attempt counts with its first correction. vote_key: answer -> what equal answers share.
    ValueError where a budget is odd or larger than S.
    """
    if "correction" in attempts:
        attempts = attempts[attempts["correction"] == 0]
    attempts = attempts.sort_values("problem_id", kind="stable")
    sizes = attempts.groupby("problem_id").size()
    size, largest = int(sizes.min()), max(budgets)
    if any(budget < 2 or budget % 2 for budget in budgets):
        raise ValueError(f"budgets are {list(budgets)}; expected even numbers. Drop the others.")
    if size < largest:
        raise ValueError(
            f"problem {sizes.idxmin()!r} has {size} samples; expected {largest}, the largest "
            f"budget. Set samples: {largest} at temperature: 0.7 and sample again, or lower the "
            "budgets."
        )
    attempts = attempts[attempts.groupby("problem_id").cumcount() < size]
    shape = (len(sizes), size)
    keys = {t: _keys(attempts[f"extracted_t{t}"], vote_key, shape) for t in (1, 2)}
    right = {t: attempts[f"correct_t{t}"].to_numpy(bool).reshape(shape) for t in (1, 2)}
    result = {}
    for budget in budgets:
        parallel = vote_accuracy(keys[1], right[1], budget, subsets=subsets, seed=seed)
        sequential = vote_accuracy(keys[2], right[2], budget // 2, subsets=subsets, seed=seed)
        columns = (parallel, sequential, sequential - parallel)
        result[budget] = pd.DataFrame(dict(zip(QUANTITIES, columns, strict=True)), sizes.index)
    return result


def _keys(answers: pd.Series, vote_key, shape: tuple[int, int]) -> np.ndarray:
    """(problems, S): equal numbers below S for equal answers of a problem, -1 for no answer."""
    known = {answer: vote_key(answer) for answer in answers.dropna().unique()}
    codes = pd.factorize(answers.map(known, na_action="ignore"))[0].reshape(shape)
    of_problem = [pd.factorize(np.where(row < 0, np.nan, row))[0] for row in codes]
    return np.stack(of_problem)


def scaling(
    instances: dict[str, pd.DataFrame], vote_key, budgets=BUDGETS, *, subsets=500, samples, seed
) -> pd.DataFrame:
    """One row an arm and budget: QUANTITIES with intervals, and p_greater.

    p_greater: one-sided normal p value of a difference (sequential - parallel) not above 0, its
    standard error from the bootstrap over problems and seeds.
    """
    voted = {}
    for name, attempts in instances.items():
        try:
            voted[name] = votes(attempts, vote_key, budgets, subsets=subsets, seed=seed)
        except ValueError as error:
            raise ValueError(f"policy {name!r}: {error}") from None
    rows = []
    for arm, seeds in by_arm(voted).items():
        for budget in budgets:
            by_seed = [frames[budget] for frames in seeds]
            point, draws, _ = resampled(by_seed, samples=samples, seed=seed)
            row = {"arm": arm, "budget": budget, "num_seeds": len(seeds)}
            row["num_problems"] = len(by_seed[0])
            for name in QUANTITIES:
                ends = draws[name].quantile([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
                row[name] = point[name].iloc[0]
                row[f"{name}_low"], row[f"{name}_high"] = ends
            row["p_greater"] = _p_greater(row["difference"], draws["difference"].std(ddof=0))
            rows.append(row)
    return pd.DataFrame(rows)


def _p_greater(difference: float, error: float) -> float:
    if error == 0:
        return 0.5 if difference == 0 else float(difference < 0)
    return 0.5 * math.erfc(difference / error / math.sqrt(2))


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel an arm: accuracy of both votes over the budget, with 95 % bands."""
    colours = arm_styles(arms, list(table["arm"]))
    drawn = list(colours)
    title = "Accuracy of a majority vote, by attempts sampled for a problem"
    labels = {"x": "attempts sampled for a problem", "y": "accuracy (% of problems)"}
    figure, axes = panels(len(drawn), title, **labels, sharex=True, sharey=True)
    for axis, arm in zip(axes, drawn, strict=True):
        part = table[table["arm"] == arm]
        for name, colour, dash in (
            ("parallel", GREY, (0, (3, 1.5))),
            ("sequential", colours[arm].colour, "-"),
        ):
            low, high = (100 * part[f"{name}_{end}"] for end in ("low", "high"))
            axis.fill_between(part["budget"], low, high, color=colour, alpha=0.2, lw=0)
            axis.plot(part["budget"], 100 * part[name], color=colour, ls=dash, marker=".")
        axis.set_title(arm)
        axis.set_xscale("log", base=2)
        budgets = sorted(table["budget"].unique())
        axis.set_xticks(budgets, [str(budget) for budget in budgets])
        axis.minorticks_off()
    keys = [
        line_key("sequential: half as many, each corrected once", "#444444", marker="."),
        line_key("parallel: first attempts alone", GREY, (0, (3, 1.5)), marker="."),
        band_key("95 % interval"),
    ]
    legend(figure, keys)
    return figure


def main(arguments: list[str] | None = None) -> None:
    parser = analysis_parser("analyse_scaling", __doc__)
    add_attempts_flags(parser)
    parser.add_argument("--task", required=True, help="name or file of the task: what equals what")
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS, help="even numbers")
    parser.add_argument("--subsets", type=int, default=500, help="drawn for each vote")
    flags = parser.parse_args(arguments)
    try:
        needed = ("extracted", "correct")
        table = scaling(
            read_attempts("--attempts", flags.attempts, needed, ("correction",)),
            vote_key_of(load_task(flags.task)),
            flags.budgets,
            subsets=flags.subsets,
            samples=flags.bootstrap_samples,
            seed=flags.bootstrap_seed,
        )
    except ValueError as error:
        sys.exit(f"analyse_scaling: {error}")
    write_analysis(flags, table, plot)


if __name__ == "__main__":
    main()
