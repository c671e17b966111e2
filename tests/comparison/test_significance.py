"""Significance: values of p worked out by hand."""

import itertools
from math import comb

import numpy as np
import pytest
from judged import arm, outcomes, random_arm
from score.comparison.bootstrap import Effect, Resamples
from score.comparison.outcomes import Arm
from score.comparison.significance import (
    holm,
    mcnemar_p,
    p_different,
    p_greater,
    p_less,
    z_score,
)


def several(*kinds):
    """An arm with a seed for each (both, lost, gained, neither)."""
    first, second = zip(*itertools.starmap(outcomes, kinds), strict=True)
    return arm("a", first, second, tuple(map(str, range(len(kinds)))))


def test_mcnemar_of_one_loss_and_eight_gains_is_exact():
    # two tails of nine coins with at most one head: 2 (1 + 9) / 2^9
    assert mcnemar_p(several((50, 1, 8, 41))) == pytest.approx(20 / 512)
    # and of 79 losses, 23 gains, by the sum over binomial coefficients: base of the paper
    tail = sum(comb(102, k) for k in range(24)) / 2**102
    assert mcnemar_p(several((184, 79, 23, 214))) == pytest.approx(2 * tail)


def test_mcnemar_without_changes_or_with_as_many_losses_as_gains_is_1():
    assert mcnemar_p(several((5, 0, 0, 5))) == 1
    assert mcnemar_p(several((5, 3, 3, 5))) == 1


def test_mcnemar_of_several_seeds_is_the_largest_and_1_when_they_disagree():
    assert mcnemar_p(several((0, 0, 9, 1), (0, 1, 8, 1))) == pytest.approx(20 / 512)
    assert mcnemar_p(several((0, 0, 9, 1), (0, 9, 0, 1))) == 1


def test_mcnemar_of_several_rollouts_takes_the_problem_as_its_unit():
    # mean changes of five problems 1, 1, 1, 1/2, -1/2: z = 3 / sqrt(3.5) = 1.604, p = 0.109
    changes = np.array([1, 1, 1, 0.5, -0.5])
    rollouts = np.zeros((1, 5, 4))
    rollouts[0, :, 2], rollouts[0, :, 1] = changes.clip(0), (-changes).clip(0)
    assert mcnemar_p(Arm("a", ("",), rollouts, False)) == pytest.approx(0.1088, abs=1e-4)
    assert mcnemar_p(Arm("a", ("",), 0 * rollouts, False)) == 1


def test_the_z_of_one_seed_is_the_one_of_mcnemar():
    effect = Resamples([arm("a", *outcomes(30, 10, 26, 34))], 100_000).rate("delta", "a")
    assert z_score(effect) == pytest.approx(16 / 36**0.5, rel=0.01)


def test_a_handful_of_problems_that_agree_is_not_certain():
    resamples = Resamples([arm("a", [False] * 4, [True] * 4)], 100)
    effect = resamples.rate("delta", "a")
    assert effect.value == 1 and effect.variance == 0
    assert z_score(effect) == 2  # sqrt(4), as McNemar has it
    assert p_greater(effect) == pytest.approx(0.02275, abs=1e-5)


def test_no_gain_at_all_proves_one_below_a_margin_only_on_enough_problems():
    # z = 0.01 / sqrt(0.01 x 0.99 / 500) = 2.247; none of 500 gained has probability 0.99^500
    for problems, p in ((16, 0.34), (500, 0.0123), (1000, 0.00074)):
        nothing = Effect(0.0, 0.0, 0.0, 0.0, problems)
        assert p_less(nothing, 0.01) == pytest.approx(p, rel=0.02)
    assert p_less(Effect(0.0, 0.0, 0.0, 0.0, 500), 0.01) > 0.99**500


def test_equal_arms_differ_by_nothing_with_p_1():
    rng = np.random.default_rng(0)
    a = random_arm("a", 50, rng)
    b = Arm("b", ("0", "1", "2"), np.concatenate([a.outcomes] * 3), True)
    effect = Resamples([a, b], 200).difference("delta", "a", "b")
    assert p_different(effect) == 1 and p_greater(effect) == 0.5


def test_differences_by_chance_are_significant_as_often_as_the_level_says():
    rng = np.random.default_rng(1)
    arms = [random_arm(str(number), 200, rng) for number in range(40)]
    resamples = Resamples(arms, 1000)
    ps = [
        p_different(resamples.difference("accuracy_t2", arms[k].name, arms[k + 1].name))
        for k in range(0, 40, 2)
    ]
    assert np.mean(ps) == pytest.approx(0.5, abs=0.2)  # uniform: 0.5, standard error 0.065
    assert min(ps) > 1e-4


def test_holm_multiplies_by_what_is_left_and_never_falls():
    # sorted 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.2 x 1; 0.06 twice, since no p may fall
    assert holm([0.02, 0.2, 0.01, 0.03]) == pytest.approx([0.06, 0.2, 0.04, 0.06])
    assert holm([0.7, 0.9]) == [1, 1]
    assert holm([]) == []
