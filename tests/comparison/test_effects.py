"""Effects of arms: what is paired, what is a unit of its own, and what they must not depend on."""

import numpy as np
import pytest
from judged import arm, random_arm
from scipy.stats import t
from score.comparison.effects import Effects, unit_means, units_of
from score.comparison.outcomes import Arm
from score.evaluation.metrics import RATES, self_correction


def test_one_instance_has_the_intervals_of_its_bootstrap():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 400)) < 0.5
    effects = Effects([arm("base", first, second)])
    plain = self_correction(first, second)
    for rate in RATES:
        value, low, high, *_ = effects.rate(rate, "base")
        assert value == pytest.approx(plain[rate])
        ends = plain[f"{rate}_low"], plain[f"{rate}_high"]
        assert (low, high) == pytest.approx(ends, abs=0.0051)  # two problems of 400


def test_a_difference_of_arms_varies_as_paired_differences_do():
    rng = np.random.default_rng(1)
    skill = rng.random(1000)  # the same problems are hard for both
    arms = [arm(name, *(rng.random((2, 1000)) < skill)) for name in ("a", "b")]
    rights = [a.outcomes[0, :, 0] + a.outcomes[0, :, 2] for a in arms]
    effect = Effects(arms).difference("accuracy_t2", "a", "b")
    paired = (rights[0] - rights[1]).std() / 1000**0.5
    unpaired = sum(right.var() / 1000 for right in rights) ** 0.5
    assert effect.value == pytest.approx(rights[0].mean() - rights[1].mean())
    assert effect.low == pytest.approx(effect.value - 1.96 * paired, abs=1e-5)
    assert paired < 0.9 * unpaired


def _with_delta(name, seeds, gained):
    """An arm that gains the same at each of 50 problems, so that only its seeds differ."""
    outcomes = np.zeros((len(gained), 50, 4))
    outcomes[:, :, 2] = np.array(gained)[:, None]
    return Arm(name, seeds, outcomes, False)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seeds_alone_have_the_t_interval_of_their_mean(seeds):
    gained = np.linspace(0.38, 0.42, seeds)
    names = tuple(f"seed{number}" for number in range(seeds))
    effect = Effects([_with_delta("a", names, gained)]).rate("delta", "a")
    of_seeds = t.ppf(0.975, seeds - 1) ** 2 * gained.var(ddof=1) / seeds
    half = (of_seeds + (3.8415 / 50) ** 2) ** 0.5  # and four problems of fifty
    assert effect.value == pytest.approx(0.4)
    assert effect.low == pytest.approx(0.4 - half, abs=1e-5)


def test_arms_of_the_same_seeds_are_paired_by_them_in_any_order():
    # both arms are 0.2 better in seed 1 than in seed 0: their difference does not depend on seeds
    a, b = _with_delta("a", ("0", "1"), (0.4, 0.6)), _with_delta("b", ("1", "0"), (0.5, 0.3))
    ((variance, degrees),) = Effects([a, b]).difference("delta", "a", "b").seed_parts
    assert (variance, degrees) == (pytest.approx(1 / 100**2), 1)  # the least there is
    apart = Effects([a, _with_delta("b", ("2", "3"), (0.3, 0.5))])
    parts = apart.difference("delta", "a", "b").seed_parts
    assert parts == ((pytest.approx(0.01), 1), (pytest.approx(0.01), 1))


def test_an_arm_without_seeds_adds_no_spread_of_seeds():
    base, score = _with_delta("base", ("",), (0.1,)), _with_delta("score", ("0", "1"), (0.4, 0.6))
    effects = Effects([base, score])
    parts = effects.difference("delta", "score", "base").seed_parts
    assert parts == effects.rate("delta", "score").seed_parts
    assert effects.rate("delta", "base").seed_parts == ()


def test_pooled_runs_are_units_with_the_mean_of_their_seeds():
    seeds = ("a/seed0", "a/seed1", "b/seed0", "b/seed1", "c/seed0", "c/seed1")
    pooled = _with_delta("score", seeds, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6))
    assert units_of(seeds) == ["a", "b", "c"]
    assert unit_means(pooled)[:, 0, 2] == pytest.approx([0.15, 0.35, 0.55])
    base = _with_delta("base", ("a", "b", "c"), (0.1, 0.3, 0.5))  # once a run, and paired by it
    effects = Effects([base, pooled])
    assert effects.rate("delta", "score").seed_parts == ((pytest.approx(0.04 / 3), 2),)
    ((variance, degrees),) = effects.difference("delta", "score", "base").seed_parts
    assert (variance, degrees) == (pytest.approx(1 / 150**2), 2)


def test_an_effect_is_the_same_in_every_company():
    rng = np.random.default_rng(4)
    a, b = (random_arm(name, 90, rng, ("0", "1")) for name in "ab")
    c = random_arm("c", 90, rng, ("0", "1", "2"))
    alone, together = Effects([b, c]), Effects([c, a, b])
    assert alone.rate("delta", "b") == together.rate("delta", "b")
    assert alone.difference("delta", "b", "c") == together.difference("delta", "b", "c")


def test_delta_is_gain_less_loss_in_every_arm_and_at_any_number_of_seeds():
    rng = np.random.default_rng(5)
    for names in (("",), ("0", "1"), ("0", "1", "2")):
        effects = Effects([random_arm("a", 77, rng, names)])
        values = {rate: effects.rate(rate, "a").value for rate in RATES}
        change = values["incorrect_to_correct"] - values["correct_to_incorrect"]
        assert values["delta"] == pytest.approx(change, abs=1e-15)
        turns = values["accuracy_t2"] - values["accuracy_t1"]
        assert values["delta"] == pytest.approx(turns, abs=1e-15)
