"""A second opinion is asked in a worker, which ends at a deadline, and never ends what asks for it."""

import time

import pytest
from score.verifiers.second_opinion import has_second_opinion, second_opinions
from score.verifiers.verifier import Verifier

OPINIONATED = """
import time
from score.tasks.puzzle import *
def second_opinion(extracted, answer, function):
    if extracted == "hangs":
        time.sleep(60)
    if extracted == "dies":
        import os; os._exit(1)
    if extracted == "fails":
        raise RuntimeError
    return None if extracted == "unsure" else extracted == answer
"""


@pytest.fixture
def verifier(tmp_path):
    (tmp_path / "opinionated.py").write_text(OPINIONATED)
    with Verifier(str(tmp_path / "opinionated.py"), workers=2) as made:
        yield made


def test_opinions_are_in_order_and_none_where_the_grader_has_none(verifier):
    stated = ["1", "2", None, "unsure", "fails", "dies", "1"]
    expected = [True, False, None, None, None, None, True]
    assert second_opinions(verifier, stated, ["1"] * 7) == expected


def test_an_opinion_that_hangs_is_ended_and_the_next_one_is_given(verifier):
    assert second_opinions(verifier, ["hangs", "1"], ["1", "1"]) == [None, True]


def test_many_that_hang_take_no_longer_than_they_may_together(verifier):
    started = time.monotonic()
    answers = [str(i) for i in range(200)]  # different pairs, 100 seconds for two workers
    assert second_opinions(verifier, ["hangs"] * 200, answers, seconds=2.0) == [None] * 200
    assert time.monotonic() - started < 30


def test_tasks_without_one_and_plain_functions_are_not_asked(verifier):
    assert has_second_opinion(verifier)
    assert not has_second_opinion(Verifier("puzzle"))
    assert not has_second_opinion(lambda attempts, answers: [])
