"""Values of p: McNemar's test, tests of an effect by its standard error, Holm's correction."""

import math

import numpy as np
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from score.comparison.bootstrap import Effect
from score.comparison.outcomes import Arm

ROUNDING = 1e-12  # an effect below it comes from rounding


def mcnemar_p(arm: Arm) -> float:
    """Two-sided p of the hypothesis Δ = 0: attempt 2 is right as often as attempt 1.

    One rollout a problem: McNemar's exact test. Several: its normal form with a problem's mean
    change d as the unit, z = Σ d / sqrt(Σ d²). Several seeds: the largest of their p, so that a
    small one says that every seed shows the change; 1 where seeds change in opposite directions.
    """
    changes = arm.outcomes[:, :, 2] - arm.outcomes[:, :, 1]  # (seeds, problems)
    directions = set(np.sign(changes.sum(axis=1)))
    if {-1.0, 1.0} <= directions:
        return 1.0
    test = _exact_p if arm.one_rollout else _clustered_p
    return max(test(outcomes) for outcomes in arm.outcomes)


def _exact_p(outcomes: np.ndarray) -> float:
    _, lost, gained, _ = outcomes.sum(axis=0).astype(int)
    return float(mcnemar([[0, lost], [gained, 0]], exact=True).pvalue)


def _clustered_p(outcomes: np.ndarray) -> float:
    changes = outcomes[:, 2] - outcomes[:, 1]
    length = math.sqrt((changes**2).sum())
    return float(2 * norm.sf(abs(changes.sum()) / length)) if length else 1.0


def z_score(effect: Effect, null: float = 0.0) -> float:
    """By how many standard errors an effect lies above `null`, a fraction, if `null` were the truth.

    The bootstrap's variance is the one around the measured effect. Around the null it is larger by
    (effect - null)² / problems. With that, z of one seed equals McNemar's, and a few problems that
    happen to agree do not look certain. At a null of m other than 0 the variance is at least
    |m| (1 - |m|) / problems, the least that outcomes of -1, 0 and 1 with mean m can have.

    p is computed from z. The share of resamples beyond the null can't show a p below 1 / resamples,
    which is too coarse to be corrected for many tests.
    """
    shift = effect.value - null
    if abs(shift) < ROUNDING:
        return 0.0
    about_null = effect.variance + shift**2 / effect.num_problems
    least = abs(null) * (1 - abs(null)) / effect.num_problems
    return shift / math.sqrt(max(about_null, least))


def p_greater(effect: Effect, null: float = 0.0) -> float:
    """One-sided p of the hypothesis that the effect is at most `null`."""
    return float(norm.sf(z_score(effect, null)))


def p_less(effect: Effect, null: float = 0.0) -> float:
    """One-sided p of the hypothesis that the effect is at least `null`."""
    return float(norm.cdf(z_score(effect, null)))


def p_different(effect: Effect) -> float:
    """Two-sided p of the hypothesis that the effect is 0; 1 for a measured effect of exactly 0."""
    return float(2 * norm.sf(abs(z_score(effect))))


def holm(ps: list[float]) -> list[float]:
    """Holm's correction of p: whatever the level, the chance of any false alarm is at most the level."""
    return [float(p) for p in multipletests(ps, method="holm")[1]] if ps else []
