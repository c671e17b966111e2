"""Levels in their order, and rates of a level."""

import pandas as pd
import pytest
from analysed import attempts_of
from judged import outcomes, write_attempts
from score.analyses.levels import by_level, in_order, main


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


def test_level_that_is_a_formula_markup_or_an_escape_is_a_text(tmp_path):
    path = write_attempts(tmp_path / "a", *outcomes(2, 0, 0, 1))
    frame = pd.read_parquet(path)
    frame["level"] = ["=1+1", "$x_{$", "\x1b[2J" + "y" * 300][: len(frame)]
    frame.to_parquet(path)
    flags = ["--csv", str(tmp_path / "l.csv"), "--figure", str(tmp_path / "l.png")]
    main(["--attempts", f"base={path}", *flags])
    table = pd.read_csv(tmp_path / "l.csv")
    assert {"'=1+1", "$x_{$"} < set(table["level"])
    assert (tmp_path / "l.csv").read_text().replace("\n", "").isprintable()
    assert table["delta"].tolist() == [0, 0, 0]
