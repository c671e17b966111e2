"""Sums: what is drawn, and what states an answer."""

import pytest
from score.puzzle import sums
from score.tasks import sums as task


def test_solutions_state_the_answer_and_nothing_else_does():
    for numbers in sums.draw(20, seed=1):
        stated = task.extract(sums.solution(numbers), "default", task.MARKER)
        assert task.grade(stated, str(sum(numbers)), "equal_number") == 1.0
    assert task.extract("56 + 26 is 82", "default", task.MARKER) is None
    assert task.extract("56 + 26 = 82, 82 + 38", "default", task.MARKER) == "82"
    assert task.extract("56 + 26 = 82.", "default", task.MARKER) == "82"
    assert task.extract("56 + 26 = 82.5", "default", task.MARKER) is None


@pytest.mark.parametrize(
    "written", ["= 1,098", "= $1098$", "= **1098**", r"= \boxed{1098}", "=1098"]
)
def test_a_number_is_read_whole_however_it_is_set(written):
    assert task.extract(f"737 + 361 {written}.", "default", task.MARKER) == "1098"


@pytest.mark.parametrize("behind", ["1098 + 5", "1098/2", "1,09", "", " so much", "1098 - 1 or so"])
def test_what_is_still_to_be_worked_out_behind_the_last_sign_states_nothing(behind):
    assert task.extract(f"700 + 300 = 1000, 737 + 361 = {behind}", "default", task.MARKER) is None


def test_sums_of_the_same_numbers_are_drawn_once():
    drawn = sums.draw(2000, seed=3)
    keys = {task.canonical_question(sums.question(numbers)) for numbers in drawn}
    assert len(keys) == len(drawn) == 2000
    assert task.canonical_question("10 + 12 + 11 = ?") == task.canonical_question(
        "12 + 11 + 10 = ?"
    )
