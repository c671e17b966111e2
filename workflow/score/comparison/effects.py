"""Rates of arms and differences of two, with the uncertainty of score.comparison.uncertainty.

All arms answer the same problems, so two arms are compared problem by problem. Arms with the same seeds
start from the same policy (Stage I of that seed), so they are compared seed by seed as well; arms with
different seeds, or one with seeds and one without, have independent ones.
"""

import numpy as np

from score.comparison.outcomes import Arm
from score.comparison.uncertainty import CHANGE, RATE, Effect, effect
from score.evaluation.metrics import rates_of


class Effects:
    """The rates of every arm and the differences of every two.

    arms: at the same problems. A rate is one of score.evaluation.metrics.RATES or `changed`, the share
    of rollouts that state different answers, as the mean over an arm's seeds, or over pooled runs of
    the mean over a run's seeds.
    """

    def __init__(self, arms: list[Arm]):
        self.arms = [arm.name for arm in arms]
        self.num_problems = arms[0].outcomes.shape[1]
        self._units = {arm.name: units_of(arm.seeds) for arm in arms}
        self._rates = {}
        for arm in arms:
            rates = rates_of(unit_means(arm), 1)
            self._rates[arm.name] = {**rates, "changed": 1 - rates["unchanged"]}

    def rate(self, name: str, arm: str) -> Effect:
        """The rate called `name` of an arm."""
        return effect([(1, self._rates[arm][name])], _bounds(name))

    def difference(self, name: str, arm: str, other: str) -> Effect:
        """The rate called `name` of `arm` minus that of `other`."""
        one, two = self._rates[arm][name], self._rates[other][name]
        low, high = _bounds(name)
        bounds = (low - high, high - low)
        if set(self._units[arm]) != set(self._units[other]):
            return effect([(1, one), (-1, two)], bounds)
        order = [self._units[other].index(unit) for unit in self._units[arm]]
        return effect([(1, one - two[order])], bounds)


def _bounds(name: str) -> tuple[float, float]:
    return CHANGE if name == "delta" else RATE


def units_of(seeds: tuple[str, ...]) -> list[str]:
    """What differs from training to training: seeds, or of `run/seed` the pooled runs, each once."""
    return list(dict.fromkeys(name.partition("/")[0] for name in seeds))


def unit_means(arm: Arm) -> np.ndarray:
    """(units, problems, 4) outcomes, averaged over the seeds of a pooled run."""
    runs = np.array([name.partition("/")[0] for name in arm.seeds])
    return np.stack([arm.outcomes[runs == unit].mean(axis=0) for unit in units_of(arm.seeds)])
