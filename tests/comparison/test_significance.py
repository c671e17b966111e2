"""Significance: values of p worked out by hand."""

import itertools
from math import comb

import numpy as np
import pytest
from judged import arm, outcomes, random_arm
from scipy.stats import norm, t
from score.comparison.effects import Effects
from score.comparison.outcomes import Arm
from score.comparison.significance import delta_p, holm, p_different, p_greater, p_less
from score.comparison.uncertainty import Effect
from statsmodels.stats.multitest import multipletests


def several(*kinds):
    """An arm with a seed for each (both, lost, gained, neither)."""
    first, second = zip(*itertools.starmap(outcomes, kinds), strict=True)
    return arm("a", first, second, tuple(map(str, range(len(kinds)))))


def p_of(one):
    return delta_p(one, Effects([one]).rate("delta", one.name))


def test_of_one_loss_and_eight_gains_mcnemars_test_is_exact():
    # two tails of nine coins with at most one head: 2 (1 + 9) / 2^9
    assert p_of(several((50, 1, 8, 41))) == pytest.approx(20 / 512)
    # and of 79 losses, 23 gains, by the sum over binomial coefficients: base of the paper
    heads = 2 * sum(comb(102, number) for number in range(24)) / 2**102
    assert p_of(several((184, 79, 23, 214))) == pytest.approx(heads)


def test_several_seeds_have_no_p_below_what_their_number_supports():
    # every seed by itself is certain, and they hardly differ
    kinds = ((250, 5, 105, 140), (250, 5, 106, 139), (250, 5, 107, 138))
    one, two, three = (p_of(several(*kinds[:seeds])) for seeds in (1, 2, 3))
    assert one < 1e-20
    # the seeds' part alone: sd of the mean 0.5 / 500 and 0.577 / 500
    assert two > 2 * t.sf(100.5 / 0.5, 1) and three > 2 * t.sf(101 / 0.577, 2)
    assert 1e-3 < two < 1e-2 and 1e-5 < three < 1e-4


def test_seeds_that_change_in_opposite_directions_show_nothing():
    assert p_of(several((50, 1, 20, 29), (50, 20, 1, 29))) == 1


def test_several_rollouts_have_the_normal_form_with_problems_as_units():
    # mean changes of 3 problems: 1, 0.5, -0.25: z = 1.25 / sqrt(1 + 0.25 + 0.0625)
    rollouts = np.array([[[0, 0, 1, 0], [0, 0, 0.5, 0], [0, 0.25, 0, 0]]])
    z = 1.25 / 1.3125**0.5
    assert p_of(Arm("a", ("",), rollouts, False)) == pytest.approx(2 * norm.sf(z))
    assert p_of(Arm("a", ("",), 0 * rollouts, False)) == 1


def test_the_p_of_one_seed_is_the_one_of_mcnemar():
    effect = Effects([arm("a", *outcomes(30, 10, 26, 34))]).rate("delta", "a")
    assert p_greater(effect) == pytest.approx(norm.sf(16 / 36**0.5))
    assert p_less(effect) == pytest.approx(norm.cdf(16 / 36**0.5))


def test_a_handful_of_problems_that_agree_is_not_certain():
    effect = Effects([arm("a", [False] * 4, [True] * 4)]).rate("delta", "a")
    assert effect.value == 1 and effect.problem_variance == 0
    assert p_greater(effect) == pytest.approx(norm.sf(4**0.5))  # as McNemar has it


def test_no_gain_at_all_proves_one_below_a_margin_only_on_enough_problems():
    # z = 0.01 / sqrt(0.01 x 0.99 / 500) = 2.247; none of 500 gained has probability 0.99^500
    for problems, p in ((16, 0.34), (500, 0.0123), (1000, 0.00074)):
        nothing = Effect(0.0, 0.0, 0.0, 0.0, (), problems)
        assert p_less(nothing, 0.01) == pytest.approx(p, rel=0.02)
    assert p_less(Effect(0.0, 0.0, 0.0, 0.0, (), 500), 0.01) > 0.99**500


def test_equal_arms_differ_by_nothing_with_p_1():
    rng = np.random.default_rng(0)
    a = random_arm("a", 50, rng)
    b = Arm("b", ("0", "1", "2"), np.concatenate([a.outcomes] * 3), True)
    effect = Effects([a, b]).difference("delta", "a", "b")
    assert p_different(effect) == 1 and p_greater(effect) == 0.5


def test_differences_by_chance_are_significant_as_often_as_the_level_says():
    rng = np.random.default_rng(1)
    arms = [random_arm(str(number), 200, rng) for number in range(400)]
    effects = Effects(arms)
    ps = [
        p_different(effects.difference("accuracy_t2", arms[k].name, arms[k + 1].name))
        for k in range(0, 400, 2)
    ]
    assert np.mean(ps) == pytest.approx(0.5, abs=0.08)  # uniform: 0.5, standard error 0.02
    assert np.mean(np.array(ps) < 0.1) == pytest.approx(0.1, abs=0.07)


def test_holm_multiplies_by_what_is_left_and_never_falls():
    # sorted 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.2 x 1; 0.06 twice, since no p may fall
    assert holm([0.02, 0.2, 0.01, 0.03]) == pytest.approx([0.06, 0.2, 0.04, 0.06])
    assert holm([0.7, 0.9]) == [1, 1]
    assert holm([0.01, 0.01]) == pytest.approx([0.02, 0.02])
    assert holm([]) == []
    ps = list(np.random.default_rng(0).uniform(0, 0.2, 12))
    assert holm(ps) == pytest.approx(multipletests(ps, method="holm")[1])
