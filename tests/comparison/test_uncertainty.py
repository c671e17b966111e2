"""Uncertainty of means over problems and seeds: its parts and quantiles by other means."""

import runpy

import numpy as np
import pytest
from places import ROOT
from scipy.stats import norm, t
from score.comparison.significance import p_different, p_greater, p_less
from score.comparison.uncertainty import CHANGE, effect, tail_beyond, variance_parts


def _values(seeds, problems, number=0):
    """(seeds, problems) outcomes of -1, 0 and 1, of problems and seeds that differ."""
    rng = np.random.default_rng(number)
    mean = 0.1 + 0.3 * rng.standard_normal(problems) + 0.1 * rng.standard_normal((seeds, 1))
    return np.clip(np.round(mean + 0.5 * rng.standard_normal((seeds, problems))), -1, 1)


def _by_sums(values):
    """Both parts of the variance, from the table of an analysis of variance in plain sums."""
    seeds, problems = values.shape
    of_seeds, of_problems, mean = values.mean(1), values.mean(0), values.mean()
    residuals = [
        values[s, p] - of_seeds[s] - of_problems[p] + mean
        for s in range(seeds)
        for p in range(problems)
    ]
    chance = sum(r**2 for r in residuals) / ((seeds - 1) * (problems - 1))
    between_seeds = sum((m - mean) ** 2 for m in of_seeds) / (seeds - 1)
    over_problems = sum((m - mean) ** 2 for m in of_problems) / problems
    return over_problems / problems - chance / (seeds * problems), between_seeds / seeds


def test_the_parts_of_the_variance_are_those_of_an_analysis_of_variance():
    values = np.stack([_values(3, 40, number) for number in range(4)])
    parts = np.stack(variance_parts(values), axis=1)
    assert parts == pytest.approx(np.array([_by_sums(table) for table in values]))
    assert variance_parts(values[0, :1])[1] == 0


@pytest.mark.parametrize("seeds", [2, 3, 9])
def test_each_part_has_its_own_quantile(seeds):
    values = _values(seeds, 300)
    of_problems, of_seeds = _by_sums(values)
    found = effect([(1, values)], CHANGE)
    half = (1.959964**2 * of_problems + t.ppf(0.975, seeds - 1) ** 2 * of_seeds) ** 0.5
    assert found.value == pytest.approx(values.mean())
    expected = max(values.mean() - half, -1), min(values.mean() + half, 1)
    assert (found.low, found.high) == pytest.approx(expected)


def test_one_seed_has_intervals_over_problems_alone():
    values = _values(1, 300)
    found = effect([(1, values)], CHANGE)
    assert found.seed_parts == ()
    half = 1.959964 * values.std() / 300**0.5
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))


def test_p_is_the_level_at_which_an_interval_ends_at_the_hypothesis():
    found = effect([(1, _values(3, 100_000))], CHANGE)
    for end, other in ((found.low, p_greater), (found.high, p_less)):
        assert other(found, end) == pytest.approx(0.025, rel=0.01)
        moved = found._replace(value=found.value - end)
        assert p_different(moved) == pytest.approx(0.05, rel=0.01)


def test_a_part_alone_has_the_p_of_its_own_distribution():
    assert tail_beyond(0.1, 1e-20, [(1e-4, 2)]) == pytest.approx(t.sf(10, 2), rel=1e-4)
    assert tail_beyond(0.1, 1e-4, [(1e-20, 2)]) == pytest.approx(norm.sf(10), rel=1e-4)
    assert tail_beyond(0.1, 1e-4) == pytest.approx(norm.sf(10))
    assert tail_beyond(1.0, 1e-6, [(1e-12, 8)]) >= 1e-100


def test_seeds_that_agree_to_the_last_problem_count_as_differing_by_one():
    # 250 of 500 problems gained by both seeds, but others: their means agree by chance
    gained = np.zeros((2, 500))
    gained[0, :250], gained[1, 100:350] = 1, 1
    found = effect([(1, gained)], CHANGE)
    assert found.seed_parts == ((pytest.approx(1 / 1000**2), 1),)
    # a Cauchy variable beyond 0.5 / 0.001, so p can't be below 1 / (500 π)
    assert p_greater(found) > 1 / (500 * np.pi)
    one = effect([(1, gained[:1])], CHANGE)
    assert p_greater(one) < 1e-40  # over problems alone


def test_fewer_than_four_problems_that_differ_leave_a_doubt_of_four():
    # of 500 problems none: the upper end of Wilson's interval is 3.84 / 503.84
    none = effect([(1, np.zeros((1, 500)))])
    assert (none.low, none.high) == pytest.approx((0, 3.8415 / 500), rel=1e-4)
    three = np.zeros((1, 500))
    three[0, :3] = 1
    assert effect([(1, three)], CHANGE).low == pytest.approx((3 - 3.8415) / 500, rel=1e-4)


def test_quantities_that_are_no_rates_have_no_least_variance():
    found = effect([(1, np.full((2, 50), 7.0))], (0, np.inf), rate=False)
    assert (found.low, found.high) == (7, 7)


@pytest.fixture(scope="module")
def simulation():
    return runpy.run_path(str(ROOT / "benchmarks/interval_coverage.py"))


def test_intervals_cover_the_truth_of_simulated_arms(simulation):
    # 95 % of 1,500 replicates have a standard error of 0.56 points
    pieces = [simulation["coverage"](500, 500, seed) for seed in range(3)]
    cells = {cell: 100 * np.mean([piece[cell] for piece in pieces]) for cell in pieces[0]}
    own = {cell[:3]: share for cell, share in cells.items() if cell[3] == "own quantiles"}
    assert len(own) == 4 * 4 * 4 and min(own.values()) > 93.5
    for (_, seeds, _), share in own.items():
        assert share < {2: 100, 3: 99, 5: 98, 9: 97.5}[seeds]
    # what the t quantile mends: a normal one at the same variance
    assert cells["Δ", 3, 2, "normal"] < 90 and cells["Δ", 2, 2, "normal"] < 82
    assert cells["Δ", 2, 2, "Satterthwaite"] < 91


def test_small_p_are_no_more_frequent_than_they_say(simulation):
    # 0.25 % of 1,500 replicates are 3.75; Satterthwaite's miss the truth some 80 times at 2 seeds
    pieces = [simulation["coverage"](500, 500, seed, 0.00125) for seed in range(3)]
    missed = {cell: sum(500 * (1 - piece[cell]) for piece in pieces) for cell in pieces[0]}
    own = [count for cell, count in missed.items() if cell[3] == "own quantiles"]
    assert max(own) <= 12 and np.mean(own) < 3.75
    assert missed["Δ", 2, 2, "Satterthwaite"] > 40


def test_intervals_of_the_simulation_are_those_of_the_tables(simulation):
    rights = simulation["outcomes"](2, 500, 2)[:, :, :, :3]
    for truth, values in simulation["quantities"](rights).values():
        widths = simulation["half_widths"](values.astype(float))["own quantiles"]
        for table, width in zip(values.astype(float), widths, strict=True):
            found = effect([(1, table)], (-2, 2))
            assert (found.high - found.low) / 2 == pytest.approx(width)
        assert -1 < truth < 1
