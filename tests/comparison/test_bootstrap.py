"""Bootstrap: its spread against formulas, and what it must not depend on."""

import numpy as np
import pytest
from judged import arm, random_arm
from score.comparison.bootstrap import Resamples
from score.comparison.outcomes import Arm
from score.evaluation.metrics import RATES, self_correction


def spread(effect):
    return effect.variance**0.5


def test_one_instance_has_the_intervals_of_the_plain_paired_bootstrap():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 400)) < 0.5
    resamples = Resamples([arm("base", first, second)])
    plain = self_correction(first, second)
    for rate in RATES:
        value, low, high, *_ = resamples.rate(rate, "base")
        assert value == plain[rate]
        assert (low, high) == pytest.approx(
            (plain[f"{rate}_low"], plain[f"{rate}_high"]), abs=0.0051
        )  # two problems of 400


def test_a_difference_of_arms_spreads_as_paired_differences_do():
    rng = np.random.default_rng(1)
    skill = rng.random(1000)  # the same problems are hard for both
    arms = [arm(name, *(rng.random((2, 1000)) < skill)) for name in ("a", "b")]
    rights = [a.outcomes[0, :, 0] + a.outcomes[0, :, 2] for a in arms]
    effect = Resamples(arms).difference("accuracy_t2", "a", "b")
    paired = (rights[0] - rights[1]).std() / 1000**0.5
    unpaired = sum(right.var() / 1000 for right in rights) ** 0.5
    assert effect.value == pytest.approx(rights[0].mean() - rights[1].mean())
    assert spread(effect) == pytest.approx(paired, rel=0.03)
    assert spread(effect) < 0.9 * unpaired
    assert effect.low == pytest.approx(effect.value - 1.96 * paired, abs=0.003)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seeds_that_differ_at_every_problem_alike_spread_as_a_mean_of_seeds_does(seeds):
    shares = np.linspace(0.2, 0.6, seeds)
    outcomes = np.zeros((seeds, 10, 4))
    outcomes[:, :, 2] = shares[:, None]  # every problem alike: nothing is left but the seeds
    names = tuple(f"seed{number}" for number in range(seeds))
    effect = Resamples([Arm("a", names, outcomes, False)]).rate("delta", "a")
    assert effect.value == pytest.approx(0.4)
    assert spread(effect) == pytest.approx(shares.std(ddof=1) / seeds**0.5, rel=0.03)
    assert (
        effect.low > 0.2 - 1e-9 and effect.high < 0.6 + 1e-9
    )  # weights of seeds are never negative


def test_equal_seeds_add_no_spread():
    rng = np.random.default_rng(2)
    first, second = rng.random((2, 300)) < 0.5
    one = arm("one", first, second)
    three = arm("three", [first] * 3, [second] * 3, ("0", "1", "2"))
    resamples = Resamples([one, three])
    a, b = (resamples.rate("delta", name) for name in ("one", "three"))
    assert tuple(a) == pytest.approx(tuple(b), abs=1e-12)
    assert tuple(resamples.difference("delta", "one", "three"))[:4] == pytest.approx(
        [0] * 4, abs=1e-12
    )


def test_arms_of_the_same_seeds_are_paired_by_them():
    # both arms are 0.2 better in seed 1 than in seed 0: their difference does not depend on seeds
    outcomes = np.zeros((2, 50, 4))
    outcomes[:, :, 2] = [[0.4], [0.6]]
    less = outcomes - [0, 0, 0.1, 0]
    paired = Resamples([Arm("a", ("0", "1"), outcomes, False), Arm("b", ("0", "1"), less, False)])
    assert spread(paired.difference("delta", "a", "b")) == pytest.approx(0, abs=1e-12)
    apart = Resamples([Arm("a", ("0", "1"), outcomes, False), Arm("b", ("2", "3"), less, False)])
    assert spread(apart.difference("delta", "a", "b")) == pytest.approx(0.02**0.5, rel=0.05)


def test_chance_of_a_problem_and_a_seed_errs_on_the_wide_side():
    # coins: the truth is known, a mean of 3 seeds x 400 problems
    rng = np.random.default_rng(3)
    true = (0.5 / (3 * 400)) ** 0.5
    spreads = [
        spread(Resamples([random_arm("a", 400, rng, ("0", "1", "2"))], 500).rate("delta", "a"))
        for _ in range(40)
    ]
    assert true < np.sqrt(np.mean(np.square(spreads))) < 3**0.5 * 1.1 * true


def test_an_interval_is_the_same_in_every_company_and_row_order():
    rng = np.random.default_rng(4)
    a, b = (random_arm(name, 90, rng, ("0", "1")) for name in "ab")
    c = random_arm("c", 90, rng, ("0", "1", "2"))
    alone, together = Resamples([b], 500, 1), Resamples([c, a, b], 500, 1)
    assert alone.rate("delta", "b") == together.rate("delta", "b")
    assert alone.rate("delta", "b") != Resamples([b], 500, 2).rate("delta", "b")


def test_delta_is_gain_less_loss_in_every_arm_and_at_any_number_of_seeds():
    rng = np.random.default_rng(5)
    for seeds in ((""), ("0", "1"), ("0", "1", "2")):
        names = tuple(seeds) or ("",)
        resamples = Resamples([random_arm("a", 77, rng, names)], 50)
        values = {rate: resamples.rate(rate, "a").value for rate in RATES}
        change = values["incorrect_to_correct"] - values["correct_to_incorrect"]
        assert values["delta"] == pytest.approx(change, abs=1e-15)
        turns = values["accuracy_t2"] - values["accuracy_t1"]
        assert values["delta"] == pytest.approx(turns, abs=1e-15)


def test_many_problems_are_resampled_in_bounded_pieces(monkeypatch):
    rng = np.random.default_rng(6)
    arms = [random_arm(name, 30, rng) for name in "ab"]
    whole = Resamples(arms, 100).difference("delta", "a", "b")
    monkeypatch.setattr("score.comparison.bootstrap._CELLS_AT_ONCE", 70)  # two resamples at a time
    assert Resamples(arms, 100).difference("delta", "a", "b") == whole


def test_no_resamples_are_refused():
    with pytest.raises(ValueError, match="bootstrap samples is 0"):
        Resamples([arm("a", [True], [False])], 0)
