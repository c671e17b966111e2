"""Rows that a training writes as it goes stay whole, bounded, and each there once."""

import json
import os
from itertools import pairwise

import pytest
from score.files.step_lines import StepLines, read_steps


def lines_with(path, steps, most=10**6, size=10):
    lines = StepLines(path, most)
    lines.begin(0)
    for step in steps:
        lines.add([{"step": step, "text": "x" * size}, {"step": step, "text": "y"}])
    return lines


def steps_in(path):
    return [row["step"] for row in map(json.loads, path.read_text().splitlines())]


def test_a_training_that_goes_on_has_no_row_twice_and_none_that_is_torn(tmp_path):
    path = tmp_path / "rows.jsonl"
    lines_with(path, range(1, 6))
    with path.open("a") as file:
        file.write('{"step": 6, "te')
    assert [row["step"] for row in read_steps(path)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    again = StepLines(path, 10**6)
    again.begin(3)
    assert steps_in(path) == [1, 1, 2, 2, 3, 3]
    again.add([{"step": 4}])
    assert steps_in(path) == [1, 1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize("spoilt", [b'[1]\n{"step": "2"}\n\xff\n', b"[" * 100_000 + b"\n"])
def test_what_is_no_row_is_dropped(tmp_path, spoilt):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"step": 1}\n' + spoilt)
    StepLines(path, 10**6).begin(9)
    assert steps_in(path) == [1]


def test_a_training_from_the_start_forgets_the_rows_of_another(tmp_path):
    lines_with(tmp_path / "rows.jsonl", [1])
    StepLines(tmp_path / "rows.jsonl", 10**6).begin(0)
    assert not (tmp_path / "rows.jsonl").exists()


def test_older_updates_are_thinned_and_the_first_and_newest_stay(tmp_path):
    path, most = tmp_path / "rows.jsonl", 5000
    for newest in (40, 300):
        lines_with(path, range(1, newest + 1), most, size=100)
        steps = list(dict.fromkeys(steps_in(path)))
        assert path.stat().st_size <= most and len(steps) > 10
        assert steps[0] == 1 and steps[-1] == newest
        gaps = [b - a for a, b in pairwise(steps)]
        assert max(gaps[: len(gaps) // 2]) >= max(gaps[len(gaps) // 2 :]), (
            "older ones are further apart"
        )
        assert steps_in(path) == [step for step in steps for _ in range(2)], "each is whole"


def test_rows_of_data_can_neither_break_a_line_nor_hide(tmp_path):
    path, text = tmp_path / "rows.jsonl", "a\nb\u2028c\x1b[2J\u202e\udc80"
    lines_with(path, [])
    StepLines(path, 10**6).add([{"step": 1, "text": text}])
    assert path.read_bytes().count(b"\n") == 1 and "\u202e" not in path.read_text()
    assert read_steps(path)[0]["text"] == text


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux")
def test_a_full_disk_ends_the_file_and_not_the_training(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.symlink_to("/dev/full")
    lines = StepLines(path, 10**6)
    for step in (1, 2):
        lines.add([{"step": step}])
    assert capsys.readouterr().out.count("rows.jsonl is written no further") == 1
