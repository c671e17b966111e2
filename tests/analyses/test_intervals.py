"""Intervals of arms with several seeds, against drawing problems and seeds one by one."""

import numpy as np
import pandas as pd
import pytest
from score.analyses.intervals import estimate


def _seeds(values):
    """(seeds, problems) -> a frame a seed."""
    return [pd.DataFrame({"x": row}, index=[f"p{i}" for i in range(len(row))]) for row in values]


def test_problems_and_seeds_are_drawn_and_problems_are_the_same_for_every_seed():
    rng = np.random.default_rng(0)
    skill = rng.random(50)
    values = rng.random((3, 50)) * skill + np.array([[0.0], [0.1], [0.3]])
    row = estimate(_seeds(values), samples=20_000)
    drawn = [
        values[rng.integers(3, size=2)][:, rng.integers(50, size=50)].mean() for _ in range(20_000)
    ]
    assert row["x"] == pytest.approx(values.mean())
    assert row["x_sd"] == pytest.approx(values.mean(axis=1).std(ddof=1))
    assert row["x_low"] == pytest.approx(np.quantile(drawn, 0.025), abs=0.01)
    assert row["x_high"] == pytest.approx(np.quantile(drawn, 0.975), abs=0.01)


def test_a_single_seed_has_no_spread_and_the_order_of_problems_is_nothing():
    (frame,) = _seeds(np.random.default_rng(1).random((1, 30)))
    row = estimate([frame], samples=100)
    assert np.isnan(row["x_sd"]) and row["x_low"] < row["x"] < row["x_high"]
    assert estimate([frame[::-1]], samples=100) == pytest.approx(row, nan_ok=True)
    both = estimate([frame, frame[::-1]], samples=100)
    assert both["x"] == pytest.approx(row["x"]) and both["x_sd"] == pytest.approx(0)


def test_ratios_are_taken_of_the_means_and_again_of_every_resample():
    frame = pd.DataFrame({"part": [1.0, 0, 1, 0], "whole": [1.0, 1, 1, 0]})

    def ratio(means):
        return pd.DataFrame({"ratio": means["part"] / means["whole"]})

    row = estimate([frame], ratio, samples=2000)
    assert row["ratio"] == pytest.approx(2 / 3)
    assert (row["ratio_low"], row["ratio_high"]) == (0, 1)


def test_seeds_on_other_problems_are_refused():
    one, two = _seeds(np.ones((2, 3)))
    with pytest.raises(ValueError, match="seeds of an arm have 3 and 2 problems"):
        estimate([one, two[:2]], samples=10)
    with pytest.raises(ValueError, match="not all the same"):
        estimate([one, two.rename({"p0": "other"})], samples=10)
