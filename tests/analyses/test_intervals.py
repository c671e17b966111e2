"""Intervals of arms with several seeds: those of score.comparison.uncertainty, and of ratios."""

import numpy as np
import pandas as pd
import pytest
from score.analyses.intervals import effect_of, estimate
from score.comparison.uncertainty import effect


def _seeds(values, name="x"):
    """(seeds, problems) -> a frame a seed."""
    return [pd.DataFrame({name: row}, index=[f"p{i}" for i in range(len(row))]) for row in values]


def test_problems_and_seeds_count_as_in_every_other_table():
    rng = np.random.default_rng(0)
    skill = rng.random(50)
    values = rng.random((3, 50)) * skill + np.array([[0.0], [0.1], [0.2]])
    row, found = estimate(_seeds(values)), effect([(1, values)])
    assert (row["x"], row["x_low"], row["x_high"]) == pytest.approx(found[:3])
    assert row["x_sd"] == pytest.approx(values.mean(axis=1).std(ddof=1))
    assert effect_of(_seeds(values), "x") == found
    one = estimate(_seeds(values[:1]))
    assert one["x_high"] - one["x_low"] < 0.5 * (row["x_high"] - row["x_low"])


def test_only_changes_go_below_0_and_only_lengths_above_1():
    same = np.zeros((1, 10))
    for name, ends in (("x", (0, 0.38)), ("delta", (-0.38, 0.38)), ("tokens", (0, 0))):
        row = estimate(_seeds(same, name))
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(ends, abs=0.01)
    assert estimate(_seeds(100 + same, "tokens"))["tokens_high"] == 100


def test_a_single_seed_has_no_spread_and_the_order_of_problems_is_nothing():
    (frame,) = _seeds(np.random.default_rng(1).random((1, 30)))
    row = estimate([frame])
    assert np.isnan(row["x_sd"]) and row["x_low"] < row["x"] < row["x_high"]
    assert estimate([frame[::-1]]) == pytest.approx(row, nan_ok=True)
    both = estimate([frame, frame[::-1]])
    assert both["x"] == pytest.approx(row["x"]) and both["x_sd"] == pytest.approx(0)


def test_ratios_of_means_have_the_interval_of_a_ratio_estimator():
    rng = np.random.default_rng(2)
    whole = (rng.random(2000) < 0.4).astype(float)
    part = whole * (rng.random(2000) < 0.3)

    def ratio(means):
        return pd.DataFrame({"ratio": means["part"] / means["whole"]})

    row = estimate([pd.DataFrame({"part": part, "whole": whole})], ratio)
    share, size = part.sum() / whole.sum(), whole.sum()
    assert row["ratio"] == pytest.approx(share)
    # a share of as many problems as fulfil the condition
    half = 1.96 * (share * (1 - share) / size) ** 0.5
    assert row["ratio_high"] - row["ratio"] == pytest.approx(half, rel=1e-3)
    assert row["ratio"] - row["ratio_low"] == pytest.approx(half, rel=1e-3)


def test_seeds_on_other_problems_are_refused():
    one, two = _seeds(np.ones((2, 3)))
    with pytest.raises(ValueError, match="seeds of an arm have 3 and 2 problems"):
        estimate([one, two[:2]])
    with pytest.raises(ValueError, match="not all the same"):
        estimate([one, two.rename({"p0": "other"})])
