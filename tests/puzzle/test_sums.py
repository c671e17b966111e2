"""Sums: problems that are made here, no two of the same numbers, and solutions to imitate."""

import csv
import re

import pytest
from places import ROOT
from score.puzzle.sums import draw, main, most, solution

SHIPPED = {"data/sums": [], "data/sums/pairs": ["--numbers", "2", "--digits", "3"]}


def test_sums_are_drawn_once_each_and_not_more_of_them_than_there_are():
    drawn = draw(500, seed=1)
    assert len({tuple(sorted(numbers)) for numbers in drawn}) == 500
    triples = {(a, b, c) for a in range(90) for b in range(a + 1) for c in range(b + 1)}
    assert most(3, 2) == len(triples)
    assert most(2, 1) == 45 == len(draw(45, 0, numbers=2, digits=1))
    with pytest.raises(ValueError, match="46 problems are asked for; expected at most 45"):
        draw(46, 0, numbers=2, digits=1)
    for numbers, digits in ((1, 2), (3, 0)):
        with pytest.raises(ValueError, match=f"numbers is {numbers} and digits {digits}; expected"):
            draw(1, 0, numbers, digits)


def test_a_solution_has_a_step_for_each_number_after_the_first():
    assert solution((56, 26, 38)) == "56 + 26 = 82, 82 + 38 = 120"
    assert solution((319, 129)) == "319 + 129 = 448"


@pytest.mark.parametrize("folder", SHIPPED)
def test_shipped_sums_are_what_their_command_writes(tmp_path, monkeypatch, folder):
    monkeypatch.setattr("sys.argv", ["sums", "--folder", str(tmp_path), *SHIPPED[folder]])
    main()
    for made in tmp_path.iterdir():
        assert made.read_bytes() == (ROOT / folder / made.name).read_bytes()


@pytest.mark.parametrize("folder", SHIPPED)
def test_shipped_problems_and_solutions_share_no_sum_and_are_right(folder):
    asked = []
    for name in ("train", "test", "demonstrations"):
        with (ROOT / folder / f"{name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        sums = [tuple(map(int, re.findall(r"\d+", row["question"]))) for row in rows]
        for row, numbers in zip(rows, sums, strict=True):
            stated = row.get("answer") or row["attempt_1"].split(" = ")[-1]
            assert int(stated) == sum(numbers)
        asked += [tuple(sorted(numbers)) for numbers in sums]
    assert len(asked) == len(set(asked)) == 4000 + 1000 + 640
