"""Means over problems and seeds with 95 % intervals, of which the tables of analyses consist.

The bootstrap is hierarchical and paired, as in score.comparison.bootstrap: a resample draws problems,
the same ones for every seed and every quantity, and of an arm with several seeds it draws seeds as
well. A few seeds show their spread only roughly, so the standard deviation over seeds is given too.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from score.comparison.bootstrap import seed_weights
from score.evaluation.metrics import CONFIDENCE, ENDS, RATES, bootstrap_sums

Derive = Callable[[pd.DataFrame], pd.DataFrame]


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


def estimate(
    by_seed: list[pd.DataFrame],
    derive: Derive | None = None,
    *,
    samples: int = 2000,
    seed: int = 0,
) -> dict[str, float]:
    """num_seeds, num_problems and every column's mean, with `_low` and `_high` (95 %) and `_sd`.

    by_seed: a frame for each seed, one row a problem (index), equal columns. derive: makes other
    quantities of columns of means, such as ratios, for the mean and for each resample alike.
    samples: number of resamples. `_sd` is the standard deviation over seeds, NaN for a single one.
    ValueError where the problems of seeds differ, and for less than one resample.
    """
    point, draws, per_seed = resampled(by_seed, samples=samples, seed=seed)
    if derive is not None:
        point, draws, per_seed = derive(point), derive(draws), derive(per_seed)
    result = sizes(by_seed)
    for name in point:
        result |= {**with_ends(name, point, draws), f"{name}_sd": float(per_seed[name].std(ddof=1))}
    return result


def sizes(by_seed: list[pd.DataFrame]) -> dict[str, int]:
    return {"num_seeds": len(by_seed), "num_problems": len(by_seed[0])}


def with_ends(name: str, point: pd.DataFrame, draws: pd.DataFrame) -> dict[str, float]:
    """A column's mean with `_low` and `_high`, the quantiles of its resamples; see `resampled`."""
    low, high = draws[name].quantile([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    values = (point[name].iloc[0], low, high)
    return {f"{name}{end}": float(value) for end, value in zip(ENDS, values, strict=True)}


def resampled(
    by_seed: list[pd.DataFrame], *, samples: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Means of the columns: one row for all, one row a resample, one row a seed.

    Arguments and errors are those of `estimate`.
    """
    columns = list(by_seed[0].columns)
    values = _aligned(by_seed)
    per_seed = pd.DataFrame(values.mean(axis=0), columns=columns)
    draws = pd.DataFrame(_draws(values, samples, seed), columns=columns)
    return per_seed.mean().to_frame().T, draws, per_seed


def _aligned(by_seed: list[pd.DataFrame]) -> np.ndarray:
    """(problems, seeds, columns)."""
    problems = by_seed[0].index
    for frame in by_seed[1:]:
        if len(frame) != len(problems) or not frame.index.isin(problems).all():
            raise ValueError(
                f"seeds of an arm have {len(problems)} and {len(frame)} problems, not all the same; "
                "expected equal ones. Sample and verify every seed on the same problems."
            )
    return np.stack([frame.loc[problems].to_numpy(float) for frame in by_seed], axis=1)


def _draws(values: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """(problems, seeds, columns) -> (samples, columns): means over drawn problems and seeds."""
    num_problems, num_seeds, num_columns = values.shape
    weights = seed_weights(tuple(map(str, range(num_seeds))), samples, seed)
    sums = bootstrap_sums(values.reshape(num_problems, -1), samples, seed)
    sums = sums.reshape(samples, num_seeds, num_columns)
    return (sums * weights[:, :, None]).sum(axis=1) / num_problems
