"""Sums of three numbers: problems that are made here, no two of the same numbers."""

import pytest
from score.puzzle.sums import MOST, draw


def test_sums_are_drawn_once_each_and_not_more_of_them_than_there_are():
    drawn = draw(500, seed=1)
    assert len({tuple(sorted(numbers)) for numbers in drawn}) == 500
    assert MOST == len({(a, b, c) for a in range(90) for b in range(a + 1) for c in range(b + 1)})
    with pytest.raises(
        ValueError, match=f"{MOST + 1} problems are asked for; expected at most {MOST}"
    ):
        draw(MOST + 1, seed=1)
