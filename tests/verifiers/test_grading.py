"""Verdicts that are asked for first and awaited later."""

import threading
import time

import pytest
from own_task import AS_IT_IS
from score.verifiers.verifier import Verifier

TASK = f"""{AS_IT_IS}
import os, time
def restates(extracted, answer, question): return extracted == question
def grade(extracted, answer, function):
    with open(answer, "a") as file: file.write("x")
    return eval(extracted)
"""


@pytest.fixture
def doer(tmp_path):
    """A verifier of a task that does what the attempt says, and a file with an x for each grade."""
    path, tally = tmp_path / "doer.py", tmp_path / "tally"
    path.write_text(TASK)
    tally.write_text("")
    with Verifier(str(path), deadline=0.5, workers=1) as verifier:
        yield verifier, tally


def until(tally, grades):
    for _ in range(1000):
        if len(tally.read_text()) >= grades:
            return
        time.sleep(0.03)
    raise AssertionError(f"{tally.read_text()!r} of {grades} grades after 30 seconds")


def test_attempts_are_graded_before_anybody_waits_for_their_verdicts(doer):
    verifier, tally = doer
    with verifier.grading() as grading:
        asked = grading.start(["1.0", "0.0"], [f"{tally}"] * 2)
        until(tally, 2)
        assert [v.verdict for v in grading.verdicts(asked)] == ["correct", "incorrect"]


def test_equal_pairs_are_graded_once_however_often_they_come_and_even_where_they_hang(doer):
    verifier, tally = doer
    with verifier.grading() as grading:
        asked = grading.start(["time.sleep(60)", "1.0"], [f"{tally}"] * 2)
        asked += grading.start(["1.0", "time.sleep(60)"], [f"{tally}"] * 2)
        names = [v.verdict for v in grading.verdicts(asked)]
        assert names == ["timeout", "correct", "correct", "timeout"]
        again = grading.verdicts(grading.start(["1.0"], [f"{tally}"]))
    assert again[0].correct and tally.read_text() == "xx"
    assert {name: n for name, n in verifier.counts.items() if n} == {"correct": 3, "timeout": 2}


def test_verdicts_are_those_of_a_call_for_each_attempts_own_question(doer):
    verifier, tally = doer
    told = ["1.0", "0.0", "1.0"], [f"{tally}"] * 3, ["1.0", "0.0", "other"]
    called = verifier(*told[:2], questions=told[2])
    with verifier.grading() as grading:
        assert grading.verdicts(grading.start(*told)) == called
    assert [v.verdict for v in called] == ["incorrect", "incorrect", "correct"]


def test_error_gives_up_what_no_worker_has_begun_and_leaves_no_thread(doer):
    verifier, tally = doer
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        with verifier.grading() as grading:
            grading.start([f"time.sleep(0.3) or {i}" for i in range(50)], [f"{tally}"] * 50)
            until(tally, 1)
            raise KeyboardInterrupt
    assert threading.active_count() == before
    assert len(tally.read_text()) < 10
    assert verifier(["1.0"], [f"{tally}"])[0].correct


QUICK = f"""{AS_IT_IS}
def restates(extracted, answer, question): return question[int(extracted)] == "y"
def grade(extracted, answer, function): return 1.0 / len(extracted)
quick_grade = grade
"""


def test_a_task_that_fails_in_this_process_gives_a_verdict_and_no_traceback(tmp_path):
    (tmp_path / "quick.py").write_text(QUICK)
    with Verifier(str(tmp_path / "quick.py")) as verifier:
        found = verifier(["0", "1", "9", ""], [""] * 4, questions=["ny"] * 4)
    assert [v.verdict for v in found] == ["correct", "incorrect", "error", "error"]
