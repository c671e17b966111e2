"""Levels in their order, and rates of a level."""

import pytest
from analysed import attempts_of
from score.analyses.levels import by_level, in_order


def test_levels_are_sorted_as_numbers_and_rates_are_of_a_level():
    assert in_order(["10", "9", "2", "9"]) == ["2", "9", "10"]
    assert in_order(["Level 2", "Level 1", "easy"]) == ["Level 1", "Level 2", "easy"]
    seeds = {
        "x/seed0": attempts_of("1100", "1010", level=["10", "9", "9", None]),
        "x/seed1": attempts_of("1100", "1100", level=["10", "9", "9", None]),
    }
    table = by_level(seeds)
    assert table["level"].tolist() == ["9", "10"] and table["num_problems"].tolist() == [2, 1]
    nine = table.iloc[0]
    # seed 0 loses one of the two and gains the other, seed 1 keeps both as they were
    assert nine[["accuracy_t1", "accuracy_t2", "delta"]].tolist() == [0.5, 0.5, 0]
    assert nine[["incorrect_to_correct", "correct_to_incorrect"]].tolist() == [0.25, 0.25]
    assert nine["incorrect_to_correct_sd"] == pytest.approx(0.5 / 2**0.5)
    floats = by_level({"x": attempts_of(level=[1.0, 2.0, 2.0, None])})
    assert floats["level"].tolist() == ["1", "2"]
