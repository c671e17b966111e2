"""Numbers as they were written, and what programs write where there is none."""

import copy
import pickle
from collections import Counter
from decimal import Decimal

import numpy as np
import pytest
from score.problems.numbers import WrittenFloat, as_text, mend_gaps, missing


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (WrittenFloat("0.00001"), "0.00001"),
        (WrittenFloat("1e-5"), "1e-5"),
        (WrittenFloat("5.0"), "5.0"),
        (1e-05, "0.00001"),
        (-2.5e-7, "-0.00000025"),
        (1e22, "10000000000000000000000"),
        (0.1, "0.1"),
        (np.float32(0.1), "0.1"),
        (np.float64(1e-05), "0.00001"),
        (np.int64(2**53 + 1), "9007199254740993"),
        (2**64, "18446744073709551616"),
        (Decimal("2.50"), "2.50"),
        (Decimal("1E+3"), "1000"),
        ([1, "x", 1e-05], ["1", "x", "0.00001"]),
        (True, True),  # no number, though Python counts it among them
        ("1e-05", "1e-05"),
    ],
)
def test_a_number_is_written_as_it_was_and_without_an_exponent_where_that_is_not_known(value, text):
    assert as_text(value) == text


def test_a_written_float_is_a_number_that_keeps_its_text():
    number = WrittenFloat("0.10")
    assert number == 0.1 and number * 2 == 0.2 and f"{number}" == str(number) == "0.10"
    for copied in (copy.deepcopy(number), pickle.loads(pickle.dumps(number))):
        assert (copied, str(copied)) == (0.1, "0.10")


@pytest.mark.parametrize(
    "value",
    [
        *(float("nan"), float("inf"), -float("inf"), np.float32("nan"), Decimal("NaN"), None),
        *("nan", " NaN ", "-inf", "None", "<NA>", "null", "Infinity", "#DIV/0!", "\u200bnan\ufeff"),
        ["5", float("nan")],
    ],
)
def test_what_programs_write_for_a_missing_or_infinite_value_is_one(value):
    assert missing(value) is not None


@pytest.mark.parametrize("value", ["none", "infinity", "Nancy", r"\text{None}", "", 0, [], ["N"]])
def test_words_that_only_look_alike_are_answers(value):
    assert missing(value) is None


@pytest.mark.parametrize("gap", [None, float("nan"), "", "nan"])
def test_a_gap_that_made_floats_of_whole_numbers_is_mended_and_counted(gap):
    rows, notes = [{"a": WrittenFloat("391.0")}, {"a": gap}, {"a": 7.0}, {"b": 1}], Counter()
    mend_gaps(rows, ("a", None), notes)
    assert [str(rows[i]["a"]) for i in (0, 2)] == ["391", "7"] and rows[1]["a"] is gap
    assert sum(notes.values()) == 2 and "'a'" in next(iter(notes))


@pytest.mark.parametrize(
    "cells",
    [["391.0", "7.0"], ["391.0", None, "1.5"], ["391", None], ["x", None], [1.0, [2.0], None]],
)
def test_other_columns_stay_as_they_are(cells):
    rows, notes = [{"a": cell} for cell in cells], Counter()
    mend_gaps(rows, ["a"], notes)
    assert [row["a"] for row in rows] == cells and not notes


def test_text_of_csv_is_mended_too_and_floats_beyond_2_to_53_are_counted():
    rows, notes = [{"a": "391.0", "b": 2.0**60}, {"a": "", "b": 1.5}], Counter()
    mend_gaps(rows, ["a", "b"], notes)
    assert rows[0]["a"] == "391"
    assert [count for what, count in notes.items() if "'b'" in what and "2^53" in what] == [1]
