"""JSON: the shapes in which pandas, jq and people write rows."""

import json
from collections import Counter
from pathlib import Path

import pytest
from score.problems.json_rows import read_json

ROWS = [{"q": "a", "n": 1}, {"q": "b", "n": 2}]
COLUMNS = {"q": ["a", "b"], "n": [1, 2]}
BY_INDEX = {"q": {"0": "a", "1": "b"}, "n": {"0": 1, "1": 2}}


def _read(text, suffix=".json", notes=None):
    text = text if isinstance(text, str) else json.dumps(text, indent=2)
    return read_json(text, Path(f"x{suffix}"), suffix, Counter() if notes is None else notes)


@pytest.mark.parametrize(
    "value",
    [
        ROWS,
        COLUMNS,
        BY_INDEX,
        {"data": ROWS},
        {"data": COLUMNS},
        {"version": "1.0", "data": ROWS},
        {"anything": ROWS},
        {"columns": ["q", "n"], "index": [0, 1], "data": [["a", 1], ["b", 2]]},
        {"p1": ROWS[0], "p2": ROWS[1]},
    ],
)
def test_every_shape_gives_the_same_rows_under_both_endings_and_in_one_line(value):
    for suffix in (".json", ".jsonl"):
        assert _read(value, suffix) == _read(json.dumps(value), suffix) == ROWS


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_objects_one_after_the_other_are_rows(end):
    pretty = end.join(json.dumps(row, indent=1) for row in ROWS)
    assert _read(pretty) == ROWS
    assert _read(f"{json.dumps(ROWS[0])}\n\ufeff{json.dumps(ROWS[1])}\r\n") == ROWS  # joined files


@pytest.mark.parametrize(
    "value",
    [{"q": "a", "n": 1}, {"q": "a", "tests": ["x"]}, {"q": "a", "messages": [{"role": "user"}]}],
)
def test_one_object_is_one_row(value):
    assert _read(value) == [value]


def test_what_was_read_otherwise_is_counted():
    notes = Counter()
    _read(COLUMNS, notes=notes)
    _read({"data": ROWS, "version": 1, "source": "x"}, notes=notes)
    assert sorted(notes.values()) == [2, 2] and any("source, version" in what for what in notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}\n{"a": 3}\n', r"x.jsonl, line 1: an object has the keys \['a'\] more"),
        ('{"b": 1}\n{"c": {"a": 1, "a": 2}}\n', r"line 2: an object has the keys \['a'\]"),
        ({"q": ["a"], "n": [1, 2]}, r"lists of different lengths, {'q': 1, 'n': 2}"),
        ({"train": ROWS, "test": ROWS}, r"several lists of rows, \['train', 'test'\].*train.json"),
        ([["q", "n"], ["a", 1]], "row 1: row is of type list; expected objects of columns"),
        ("3", "row is of type int"),
        ('[\n {"q": 1},\n {"q": }\n]', r"line 1: not valid JSON"),
    ],
)
def test_what_is_no_rows_is_named_with_its_place(text, message):
    with pytest.raises(ValueError, match=message):
        _read(text, ".jsonl")


def test_a_document_is_blamed_at_its_own_line():
    with pytest.raises(ValueError, match=r"x\.json, line 3: not valid JSON"):
        _read('[\n {"q": 1},\n {"q": }\n]')
    with pytest.raises(ValueError, match=r"\['a'\] more than once"):
        _read('[\n {"a": 1,\n "a": 2}\n]')


def test_numbers_keep_their_digits():
    (row,) = _read('{"a": 0.00001, "b": 1e22, "c": 5.0, "d": 12345678901234567890, "e": [0.10]}')
    assert [str(cell) for cell in row.values()] == [
        "0.00001", "1e22", "5.0", "12345678901234567890", "[0.10]",
    ]  # fmt: skip
