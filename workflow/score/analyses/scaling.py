"""Inference-compute scaling: majority votes over parallel against sequential samples.

    python -m score.analyses.scaling --task math --attempts base=base/attempts.parquet \\
        score/seed0=score/seed0/attempts.parquet --csv scaling.csv --figure scaling.png \\
        --tokens-figure scaling_tokens.png

At a budget of 2K attempts a problem, `parallel` votes over 2K first attempts and `sequential` over
K second attempts, each a correction of one of K first attempts (SCoRe, section 6). Samples are
those of the policy at temperature 0.7. At a budget of 2, sequential is the plain accuracy of
attempt 2.

Equal numbers of attempts are not equal numbers of tokens, so the second figure has the tokens that were
generated for a problem: 2K first attempts, or K first and K second ones with their critiques. What was
read, the problem and in turn 2 attempt 1 as well, is not among them.
"""

from collections.abc import Callable, Sequence

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
    write_figure,
)
from score.analyses.intervals import effect_of, sizes, with_ends
from score.analyses.majority import vote_accuracy
from score.comparison.instances import by_arm, read_attempts
from score.comparison.significance import p_greater
from score.jobs.command import Command, optional
from score.tasks import load_task, vote_key_of

COMMAND = Command(__spec__, __doc__)
BUDGETS = (2, 4, 8, 16, 32)
QUANTITIES = ("parallel", "sequential", "difference")
TOKENS = ("tokens_parallel", "tokens_sequential")


def votes(
    attempts: pd.DataFrame,
    vote_key: Callable,
    budgets: Sequence[int] = BUDGETS,
    *,
    subsets: int = 500,
    seed: int = 0,
) -> dict[int, pd.DataFrame]:
    """Budget -> QUANTITIES and TOKENS, one row a problem (index): expected correctness and length.

    attempts: S rollouts of each problem with extracted, correct and tokens of turns 1 and 2, of which
    each first attempt counts with its first correction. vote_key: stated answer -> what equal answers
    share. subsets, seed: see `vote_accuracy`. ValueError where a budget is odd or larger than S.
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
    first, both = _tokens(attempts)
    result = {}
    for budget in budgets:
        parallel = vote_accuracy(keys[1], right[1], budget, subsets=subsets, seed=seed)
        sequential = vote_accuracy(keys[2], right[2], budget // 2, subsets=subsets, seed=seed)
        columns = (parallel, sequential, sequential - parallel, budget * first, budget / 2 * both)
        names = (*QUANTITIES, *TOKENS)
        result[budget] = pd.DataFrame(dict(zip(names, columns, strict=True)), sizes.index)
    return result


def _tokens(attempts: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Mean tokens, of each problem, of a first attempt, and of both with the critique between them."""
    both = attempts["tokens_t1"] + attempts["tokens_t2"] + attempts.get("critique_tokens_t2", 0)
    means = attempts.assign(both=both).groupby("problem_id")[["tokens_t1", "both"]].mean()
    return means["tokens_t1"], means["both"]


def _keys(answers: pd.Series, vote_key: Callable, shape: tuple[int, int]) -> np.ndarray:
    """(problems, S): equal numbers below S for equal answers of a problem, -1 for no answer."""
    known = {answer: vote_key(answer) for answer in answers.dropna().unique()}
    codes = pd.factorize(answers.map(known, na_action="ignore"))[0].reshape(shape)
    of_problem = [pd.factorize(np.where(row < 0, np.nan, row))[0] for row in codes]
    return np.stack(of_problem)


def scaling(
    instances: dict[str, pd.DataFrame],
    vote_key: Callable,
    budgets: Sequence[int] = BUDGETS,
    *,
    subsets: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """One row an arm and budget: QUANTITIES with intervals, p_greater, and means of TOKENS.

    instances: instance -> attempts, see `votes`. p_greater: one-sided p of the hypothesis that the
    difference (sequential - parallel) is at most 0, see score.comparison.significance.
    """
    voted = {}
    for name, attempts in instances.items():
        try:
            voted[name] = votes(attempts, vote_key, budgets, subsets=subsets, seed=seed)
        except ValueError as error:
            raise ValueError(f"attempts of {name!r}: {error}") from None
    rows = []
    for arm, seeds in by_arm(voted).items():
        for budget in budgets:
            by_seed = [frames[budget] for frames in seeds]
            row = {"arm": arm, "budget": budget, **sizes(by_seed)}
            for name in QUANTITIES:
                effect = effect_of(by_seed, name)
                row |= with_ends(name, effect)
            row |= {"p_greater": p_greater(effect)}  # of the last, the difference
            tokens = sum(frame[list(TOKENS)].mean() for frame in by_seed) / len(by_seed)
            rows.append(row | dict(tokens))
    return pd.DataFrame(rows)


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel an arm: accuracy of both votes over the budget, with 95 % bands."""
    figure, axes = _votes_over(("budget", "budget"), "attempts sampled for a problem", table, arms)
    for axis in axes:
        powers_of_two(axis, table["budget"])
    return figure


def plot_tokens(table: pd.DataFrame, arms: list[str] | None = None):
    """The same over the tokens that were generated for a problem."""
    figure, axes = _votes_over(TOKENS, "tokens generated for a problem", table, arms)
    for axis in axes:
        powers_of_two(axis, None)
    return figure


def _votes_over(columns: tuple[str, str], x: str, table: pd.DataFrame, arms: list[str] | None):
    """The figure and its axes. columns: of the table, the x of the parallel and the sequential vote."""
    title, y = f"Accuracy of a majority vote, by {x}", "accuracy (% of problems)"
    figure, drawn = arm_panels(title, table, arms, x=x, y=y)
    dashed = (0, (3, 1.5))
    for axis, part, of_arm in drawn:
        draw_band(axis, part[columns[0]], part, "parallel", color=GREY, ls=dashed)
        draw_band(axis, part[columns[1]], part, "sequential", color=of_arm)
    keys = [
        line_key(
            "sequential: half as many first attempts, each corrected once", "#444444", marker="."
        ),
        line_key("parallel: first attempts alone", GREY, dashed, marker="."),
        band_key("95 % interval"),
    ]
    legend(figure, keys)
    return figure, [axis for axis, _, _ in drawn]


def main(arguments: list[str] | None = None) -> None:
    flags = analysis_flags(
        COMMAND,
        arguments,
        **ATTEMPTS,
        task="name or file of the task, which says what answers are equal",
        budgets=optional("even numbers", type=int, nargs="+", default=BUDGETS),
        subsets=optional("drawn for each vote", type=int, default=500),
        seed=optional("of these subsets", type=int, default=0),
        tokens_figure=optional("PNG to write, over tokens"),
    )
    with COMMAND.errors():
        columns, if_present = (
            ("extracted", "correct", "tokens"),
            ("correction", "critique_tokens_t2"),
        )
        table = scaling(
            read_attempts("--attempts", flags.attempts, columns, if_present),
            vote_key_of(load_task(flags.task)),
            flags.budgets,
            subsets=flags.subsets,
            seed=flags.seed,
        )
    write_analysis(flags, table, plot)
    if flags.tokens_figure is not None:
        write_figure(flags.tokens_figure, lambda: plot_tokens(table, flags.arms))


if __name__ == "__main__":
    COMMAND.run(main)
