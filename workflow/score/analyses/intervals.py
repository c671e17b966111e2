"""Means over problems and seeds with 95 % intervals: what the tables of analyses are made of.

The bootstrap is hierarchical and paired, as in comparison/bootstrap.py: a resample draws problems, the
same ones for every seed and every quantity, and of an arm with several seeds it draws seeds as well. Few
seeds show their spread only roughly, so it stands beside the interval.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from score.comparison.bootstrap import seed_weights
from score.evaluation.metrics import CONFIDENCE

_CELLS_AT_ONCE = 4_000_000  # bounds the memory of the resampled counts
Derive = Callable[[pd.DataFrame], pd.DataFrame]


def estimate(
    by_seed: list[pd.DataFrame],
    derive: Derive | None = None,
    *,
    samples: int = 2000,
    seed: int = 0,
) -> dict[str, float]:
    """Every column as its mean, with `_low` and `_high` (95 % interval) and `_sd` (over seeds).

    by_seed: a frame for each seed, one row a problem (index), equal columns. derive: makes other
    quantities of columns of means, such as ratios, for the mean and for each resample alike.
    samples: resamples. `_sd` is NaN for a single seed. ValueError where problems differ.
    """
    point, draws, per_seed = resampled(by_seed, samples=samples, seed=seed)
    if derive is not None:
        point, draws, per_seed = derive(point), derive(draws), derive(per_seed)
    low, high = draws.quantile((1 - CONFIDENCE) / 2), draws.quantile((1 + CONFIDENCE) / 2)
    spread = per_seed.std(ddof=1)
    result = {}
    for name in point:
        result |= {name: float(point[name].iloc[0]), f"{name}_low": float(low[name])}
        result |= {f"{name}_high": float(high[name]), f"{name}_sd": float(spread[name])}
    return result


def resampled(
    by_seed: list[pd.DataFrame], *, samples: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Means of the columns: one row for all, one row a resample, one row a seed."""
    if samples < 1:
        raise ValueError(f"bootstrap samples is {samples}; expected at least 1 (2000 is usual).")
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
                "expected equal ones. Sample and judge every seed on the same problems."
            )
    return np.stack([frame.loc[problems].to_numpy(float) for frame in by_seed], axis=1)


def _draws(values: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """(problems, seeds, columns) -> (samples, columns): means over drawn problems and seeds.

    Problems with equal values are exchangeable: how often each distinct row is drawn is one
    multinomial, whatever the order of the problems.
    """
    num_problems, num_seeds, num_columns = values.shape
    rows, counts = np.unique(values.reshape(num_problems, -1), axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    weights = seed_weights(tuple(map(str, range(num_seeds))), samples, seed)
    chunk = max(1, _CELLS_AT_ONCE // len(rows))
    means = []
    for start in range(0, samples, chunk):
        size = min(chunk, samples - start)
        drawn = rng.multinomial(num_problems, counts / num_problems, size=size)
        sums = (drawn @ rows).reshape(size, num_seeds, num_columns)
        means.append((sums * weights[start : start + size, :, None]).sum(axis=1) / num_problems)
    return np.concatenate(means)
