"""Values of p: of an effect by its standard error, McNemar's test, Holm's correction."""

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar

from score.comparison.outcomes import Arm
from score.comparison.uncertainty import Effect, tail_beyond

ROUNDING = 1e-12  # an effect below it comes from rounding


def delta_p(arm: Arm, delta: Effect) -> float:
    """Two-sided p of the hypothesis Δ = 0: attempt 2 is right as often as attempt 1.

    One seed with one rollout a problem: McNemar's exact test. Else that of the effect, which of one
    seed is McNemar's normal form with a problem's mean change d as the unit, z = Σ d / sqrt(Σ d²).
    """
    if len(arm.seeds) > 1 or not arm.one_rollout:
        return p_different(delta)
    _, lost, gained, _ = arm.outcomes[0].sum(axis=0).astype(int)
    return float(mcnemar([[0, lost], [gained, 0]], exact=True).pvalue)


def p_greater(effect: Effect, null: float = 0.0) -> float:
    """One-sided p of the hypothesis that the effect is at most `null`, a fraction.

    The level at which an interval as wide as score.comparison.uncertainty makes it reaches `null`. Its
    variance over problems is the one around `null`, which is larger than that around the effect by
    (effect - null)² / problems; so p of one seed is McNemar's, and a few problems that happen to agree
    do not look certain. At a null of m other than 0 it is at least |m| (1 - |m|) / problems, the least
    that outcomes of -1, 0 and 1 with mean m can have.
    """
    shift = effect.value - null
    if abs(shift) < ROUNDING:
        return 0.5
    about_null = effect.problem_variance + shift**2 / effect.num_problems
    least = abs(null) * (1 - abs(null)) / effect.num_problems
    tail = tail_beyond(abs(shift), max(about_null, least), effect.seed_parts)
    return tail if shift > 0 else 1 - tail


def p_less(effect: Effect, null: float = 0.0) -> float:
    """One-sided p of the hypothesis that the effect is at least `null`; see `p_greater`."""
    turned = effect._replace(value=-effect.value)
    return p_greater(turned, -null)


def p_different(effect: Effect) -> float:
    """Two-sided p of the hypothesis that the effect is 0; 1 for a measured effect of exactly 0."""
    return 2 * min(p_greater(effect), p_less(effect))


def holm(ps: list[float]) -> list[float]:
    """Holm's correction of p: whatever the level, the chance of any false alarm is at most the level."""
    # Not statsmodels' own, which collects garbage at every call: 80 ms each in a large process.
    values = np.array(ps, dtype=float)
    order = np.argsort(values)
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(values[order] * np.arange(len(ps), 0, -1))
    return np.minimum(corrected, 1).tolist()
