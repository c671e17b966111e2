"""Sums: what is drawn, and what states an answer."""

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


def test_sums_of_the_same_numbers_are_drawn_once():
    drawn = sums.draw(2000, seed=3)
    keys = {task.canonical_question(sums.question(numbers)) for numbers in drawn}
    assert len(keys) == len(drawn) == 2000
    assert task.canonical_question("10 + 12 + 11 = ?") == task.canonical_question(
        "12 + 11 + 10 = ?"
    )
