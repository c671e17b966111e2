"""How far a mean over problems and seeds may lie from the truth: the one way used in every table.

A value of an arm is a mean over problems and seeds (trainings), which are crossed: every seed answers
the same problems. Its variance has two parts,

    V = V_problems + V_seeds,  V_problems = s²_p / P - s²_e / (S P),  V_seeds = s²_s / S

with s²_p the variance over problems of means over seeds, s²_s the variance over seeds of means over
problems, and s²_e that of what neither explains, which is subtracted since it is in both. (This is the
usual analysis of variance of two crossed random factors.) V_problems rests on hundreds of problems,
V_seeds on S - 1 degrees of freedom. Each part is therefore taken with its own quantile (Banerjee, 1960):

    half width² = z² V_problems + t²(S - 1) V_seeds

It covers the truth at least as often as it says, at every level and however much seeds differ, because
the distribution function of a squared normal is concave. A t quantile with Satterthwaite's degrees of
freedom does not: where two seeds agree by chance it takes the problems' degrees of freedom, covers 87 %
at 2 seeds and 91 % at 3 instead of 95, and its p of 0.001 is wrong up to 25 and 10 times as often.
benchmarks/interval_coverage.py shows it. p is the level at which the half width reaches the hypothesis.

Two limits keep chance from looking certain. The mean of S seeds is never known better than to one of its
S P outcomes, so two seeds that agree to the last problem count as differing by one. And an interval is
never narrower than z² / P, as it is where z² problems differ, about four.

One seed says nothing of V_seeds: intervals and p are then over problems alone. Pooled runs are units in
the place of seeds, each with the mean of its seeds.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, stdtrit

from score.evaluation.metrics import CONFIDENCE

TAIL = (1 - CONFIDENCE) / 2
LEAST_TAIL = 1e-100  # smaller ones overflow
RATE, CHANGE = (0.0, 1.0), (-1.0, 1.0)  # what a share, and a difference of two, can be


class SeedPart(NamedTuple):
    """V_seeds, and its degrees of freedom: the number of seeds, or of pooled runs, less 1."""

    variance: float
    degrees: int


class Effect(NamedTuple):
    """A rate, or a difference of two: a fraction, its 95 % interval and the parts of its variance.

    seed_parts: none of one seed, one of an arm or of two arms with the same seeds, two of arms with
    different seeds.
    """

    value: float
    low: float
    high: float
    problem_variance: float
    seed_parts: tuple[SeedPart, ...]
    num_problems: int


def variance_parts(values: np.ndarray, rate: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """(..., seeds, problems) -> V_problems and V_seeds, each (...,); V_seeds is 0 of one seed.

    rate: whether single outcomes are 0 and 1, or -1 to 1, so that V_seeds has a least value.
    """
    seeds, problems = values.shape[-2:]
    of_problems = values.mean(axis=-2).var(axis=-1) / problems
    if seeds == 1:
        return of_problems, np.zeros_like(of_problems)
    of_seeds = values.mean(axis=-1).var(axis=-1, ddof=1) / seeds
    # sums of squares: what the means of problems and of seeds leave of the total
    total = values.var(axis=(-2, -1))
    left = total - of_problems * problems - of_seeds * (seeds - 1)
    in_both = left / ((seeds - 1) * max(problems - 1, 1))
    least = rate / (seeds * problems) ** 2
    return np.maximum(of_problems - in_both, 0), np.maximum(of_seeds, least)


def half_width(tail, problem_variance, seed_parts=()):
    """The half width that leaves `tail` on each side, arrays or numbers; see the module."""
    squared = ndtri(tail) ** 2 * problem_variance
    for variance, degrees in seed_parts:
        squared = squared + stdtrit(degrees, tail) ** 2 * variance
    return np.sqrt(squared)


def tail_beyond(distance: float, problem_variance: float, seed_parts=()) -> float:
    """The one-sided p of a distance above 0: the tail whose half width it is, from 1e-100 to 0.5."""
    if not seed_parts:
        return max(float(ndtr(-distance / math.sqrt(problem_variance))), LEAST_TAIL)

    def excess(logarithm: float) -> float:
        width = half_width(math.exp(logarithm), problem_variance, seed_parts)
        return math.log(width) - math.log(distance)

    ends = math.log(LEAST_TAIL), math.log(0.5 * (1 - 1e-12))
    if excess(ends[0]) <= 0:
        return LEAST_TAIL
    return 0.5 if excess(ends[1]) >= 0 else math.exp(brentq(excess, *ends))


def effect(
    values: list[tuple[float, np.ndarray]], bounds: tuple[float, float] = RATE, rate: bool = True
) -> Effect:
    """The effect that is a sum of independent parts, the only one or those of different seeds.

    values: (sign, (seeds, problems) values) of each, at the same problems; see `Effects.difference`.
    bounds: what the effect can be. rate: see `variance_parts`; the two limits of the module apply to
    rates alone.
    """
    problems = values[0][1].shape[1]
    value = sum(sign * part.mean() for sign, part in values)
    together = sum(sign * part.mean(axis=0) for sign, part in values)
    variance, seed_parts = together.var() / problems, []
    for _, part in values:
        seeds = len(part)
        if seeds > 1:
            own, of_seeds = variance_parts(part, rate)
            variance -= part.mean(axis=0).var() / problems - own  # what is in both of its parts
            seed_parts.append(SeedPart(float(of_seeds), seeds - 1))
    return with_ends(value, max(float(variance), 0.0), tuple(seed_parts), problems, bounds, rate)


def with_ends(
    value: float,
    variance: float,
    seed_parts: tuple[SeedPart, ...],
    problems: int,
    bounds: tuple[float, float],
    rate: bool,
) -> Effect:
    """The effect with its 95 % interval, cut at what it can be."""
    least = rate * (float(ndtri(TAIL)) / problems) ** 2
    half = float(half_width(TAIL, max(variance, least), seed_parts))
    low, high = max(value - half, bounds[0]), min(value + half, bounds[1])
    return Effect(float(value), float(low), float(high), variance, seed_parts, problems)
