"""Intervals over problems and seeds: one paired, hierarchical bootstrap of all arms at once.

Problems are drawn once for all arms, since all arms answer the same ones. Seeds are drawn once for
all arms with the same seeds, since these start from the same policy (Stage I of that seed). So the
difference of two arms is resampled as pairs. An arm of one instance varies over problems alone.

S seeds are resampled by drawing S - 1 of them, with replacement (Rao and Wu, 1988): a mean of S - 1
draws varies as a mean of S seeds does, where S draws would vary by (S - 1) / S too little, which
matters at 2 or 3 seeds. Pooled runs (seeds `run/seed`) are drawn as wholes, with all their seeds:
the mean of a run already varies with its seeds. Variance of single outcomes, beyond that of problems
and of seeds, is counted up to three times, as in every bootstrap of two crossed factors (Owen,
2007), so intervals are rather too wide than too narrow.
"""

from typing import NamedTuple

import numpy as np

from score.comparison.outcomes import Arm
from score.evaluation.metrics import rates_of, with_intervals

_CELLS_AT_ONCE = 2_000_000  # bounds the memory of the drawn problems


class Effect(NamedTuple):
    """A rate, or a difference of two: a fraction, its 95 % interval and its bootstrap variance."""

    value: float
    low: float
    high: float
    variance: float
    num_problems: int


class Resamples:
    """The rates of every arm, as measured and in every resample.

    arms: at the same problems. samples: number of resamples. seed: of the random draws. A rate is
    one of score.evaluation.metrics.RATES or `unchanged`, as the mean over an arm's seeds.
    ValueError for less than one resample.
    """

    def __init__(self, arms: list[Arm], samples: int = 10_000, seed: int = 0):
        self.arms = [arm.name for arm in arms]
        self.num_problems = arms[0].outcomes.shape[1]
        self._measured, self._resampled = {}, {}
        for arm, sums in zip(arms, resampled_sums(arms, samples, seed), strict=True):
            rollouts = len(arm.seeds) * self.num_problems
            self._measured[arm.name] = rates_of(arm.outcomes.sum(axis=(0, 1)), rollouts)
            self._resampled[arm.name] = rates_of(sums, self.num_problems)

    def rate(self, name: str, arm: str) -> Effect:
        """The rate called `name` of an arm."""
        return self._effect(self._measured[arm][name], self._resampled[arm][name])

    def difference(self, name: str, arm: str, other: str) -> Effect:
        """The rate called `name` of `arm` minus that of `other`."""
        value = self._measured[arm][name] - self._measured[other][name]
        return self._effect(value, self._resampled[arm][name] - self._resampled[other][name])

    def _effect(self, value: float, resampled: np.ndarray) -> Effect:
        ends = with_intervals({"": value}, {"": resampled}).values()
        return Effect(*ends, float(resampled.var()), self.num_problems)


def resampled_sums(arms: list[Arm], samples: int, seed: int) -> list[np.ndarray]:
    """(samples, 4) for each arm: its outcomes summed over drawn problems, averaged over drawn seeds.

    ValueError for less than one resample. The problems drawn depend on their number and `seed` alone,
    the seeds drawn on their names: an arm's interval does not depend on the other arms.
    """
    if samples < 1:
        raise ValueError(f"bootstrap samples is {samples}; expected at least 1 (10000 is usual).")
    num_problems = arms[0].outcomes.shape[1]
    columns = np.concatenate(
        [arm.outcomes.transpose(1, 0, 2).reshape(num_problems, -1) for arm in arms], axis=1
    )
    sums, rng = [], np.random.default_rng(seed)
    for start in range(0, samples, chunk := max(1, _CELLS_AT_ONCE // num_problems)):
        sums.append(_drawn_counts(min(chunk, samples - start), num_problems, rng) @ columns)
    splits = np.cumsum([len(arm.seeds) * 4 for arm in arms])[:-1]
    by_arm = np.split(np.concatenate(sums), splits, axis=1)
    return [
        np.einsum("bs,bsk->bk", seed_weights(arm.seeds, samples, seed), part)
        for arm, part in zip(arms, (p.reshape(samples, -1, 4) for p in by_arm), strict=True)
    ]


def _drawn_counts(size: int, num: int, rng: np.random.Generator) -> np.ndarray:
    """(size, num): how often each of num is drawn when num are drawn with replacement."""
    drawn = rng.integers(num, size=(size, num)) + num * np.arange(size)[:, None]
    return np.bincount(drawn.ravel(), minlength=size * num).reshape(size, num).astype(float)


def seed_weights(seeds: tuple[str, ...], samples: int, seed: int) -> np.ndarray:
    """(samples, seeds): the weight of each seed in each resample, with sum 1 over seeds.

    seeds: `run/seed` of pooled runs, which are drawn as wholes, or names without a slash, which are
    drawn one by one. Equal names get equal weights.
    """
    runs = [name.partition("/")[0] for name in seeds]
    drawn = list(dict.fromkeys(runs))
    if len(drawn) == 1:
        return np.full((samples, len(seeds)), 1 / len(seeds))
    rng = np.random.default_rng([seed, *"/".join(drawn).encode()])
    draws = len(drawn) - 1
    weights = rng.multinomial(draws, [1 / len(drawn)] * len(drawn), size=samples) / draws
    return np.stack([weights[:, drawn.index(run)] / runs.count(run) for run in runs], axis=1)
