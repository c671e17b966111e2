"""Means over problems and seeds with 95 % intervals, of which the tables of analyses consist.

Intervals are those of score.comparison.uncertainty: over the same problems for every seed and, of an arm
with several seeds, over seeds as well. Derived quantities, such as ratios of means, have the interval of
their linear part: a problem of a seed counts with how the quantity changes when it gains weight (the
infinitesimal jackknife). The standard deviation over seeds is given beside them.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from score.comparison.uncertainty import CHANGE, RATE, Effect, effect
from score.evaluation.metrics import ENDS, RATES

Derive = Callable[[pd.DataFrame], pd.DataFrame]
BOUNDS = dict.fromkeys(("delta", "delta_from_first", "difference"), CHANGE)
BOUNDS |= {"tokens": (0.0, np.inf)}  # all others are shares of problems or of rollouts
ROUNDING = 1e-12  # a deviation below it is that of seeds that agree
_WEIGHT = 1e-5  # that a problem gains; exact for linear quantities, whatever it is


def per_problem(problem_ids: pd.Series, values: pd.DataFrame) -> pd.DataFrame:
    """Means over the rollouts of each problem, so that each counts once; index: problem, sorted."""
    return values.astype(float).groupby(problem_ids.to_numpy()).mean()


def outcomes(attempts: pd.DataFrame, before: int = 1, after: int = 2) -> pd.DataFrame:
    """RATES between two turns of verified attempts, one row a problem (index)."""
    first = attempts[f"correct_t{before}"].astype(float)
    second = attempts[f"correct_t{after}"].astype(float)
    gained, lost = (1 - first) * second, first * (1 - second)
    values = (first, second, second - first, gained, lost)
    return per_problem(attempts["problem_id"], pd.DataFrame(dict(zip(RATES, values, strict=True))))


def estimate(by_seed: list[pd.DataFrame], derive: Derive | None = None) -> dict[str, float]:
    """num_seeds, num_problems and every column's mean, with `_low` and `_high` (95 %) and `_sd`.

    by_seed: a frame for each seed, one row a problem (index), equal columns. derive: makes other
    quantities of columns of means, such as ratios. `_sd` is the standard deviation over seeds, NaN for
    a single one. ValueError where the problems of seeds differ.
    """
    values = _aligned(by_seed)
    per_seed = pd.DataFrame(values.mean(axis=1), columns=by_seed[0].columns)
    if derive is not None:
        values = _linearised(values, per_seed, derive)
        per_seed = derive(per_seed)
    result: dict[str, float] = {**sizes(by_seed)}
    for number, name in enumerate(per_seed):
        result |= with_ends(name, _effect(values[:, :, number], name))
        deviation = float(per_seed[name].std(ddof=1))
        result[f"{name}_sd"] = 0.0 if deviation < ROUNDING else deviation
    return result


def with_ends(name: str, found: Effect) -> dict[str, float]:
    """The value under `name`, with `_low` and `_high`."""
    return {f"{name}{end}": value for end, value in zip(ENDS, found[:3], strict=True)}


def effect_of(by_seed: list[pd.DataFrame], name: str) -> Effect:
    """One column's mean with its uncertainty; arguments and errors are those of `estimate`."""
    return _effect(_aligned([frame[[name]] for frame in by_seed])[:, :, 0], name)


def _effect(values: np.ndarray, name: str) -> Effect:
    """values: (seeds, problems)."""
    bounds = BOUNDS.get(name, RATE)
    return effect([(1, values)], bounds, rate=np.isfinite(bounds[1]))


def sizes(by_seed: list[pd.DataFrame]) -> dict[str, int]:
    return {"num_seeds": len(by_seed), "num_problems": len(by_seed[0])}


def _aligned(by_seed: list[pd.DataFrame]) -> np.ndarray:
    """(seeds, problems, columns)."""
    problems = by_seed[0].index
    for frame in by_seed[1:]:
        if len(frame) != len(problems) or not frame.index.isin(problems).all():
            raise ValueError(
                f"seeds of an arm have {len(problems)} and {len(frame)} problems, not all the same; "
                "expected equal ones. Sample and verify every seed on the same problems."
            )
    return np.stack([frame.loc[problems].to_numpy(float) for frame in by_seed])


def _linearised(values: np.ndarray, per_seed: pd.DataFrame, derive: Derive) -> np.ndarray:
    """(seeds, problems, derived columns) whose means are the derived ones and vary as these do.

    A value is the derived quantity plus its derivative in the direction of one problem of one seed.
    """
    means = per_seed.mean().to_frame().T
    moved = means.to_numpy() + _WEIGHT * (values.reshape(-1, values.shape[2]) - means.to_numpy())
    slopes = derive(pd.DataFrame(moved, columns=means.columns)).to_numpy() / _WEIGHT
    linear = derive(means).to_numpy() + slopes - slopes.mean(axis=0)
    return linear.reshape(*values.shape[:2], -1)
