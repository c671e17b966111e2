"""What the verifier remembers of a judgement holds for the same pair of answers and no other."""

import pytest
from score.verifiers.verifier import Verifier

# A task whose every judgement needs a worker: nothing decides it without.
TASK = """
FIRST_PROMPT, CORRECTION_PROMPT, MARKER = "{question}", "again", ""
EVALUATOR_FUNCTIONS = ("same",)
parse_gold = str


def state(answer, marker):
    return answer


def extract(attempt, mode, marker):
    return attempt.strip()


def grade(extracted, answer, function):
    return float(extracted == str(answer))
"""


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("task") / "same.py"
    path.write_text(TASK)
    with Verifier(str(path), deadline=60.0) as verifier:
        yield verifier


@pytest.mark.parametrize(
    ("attempt", "answers"),
    [("71", ["71", "72"]), ("81", ["82", "81"])],
    ids=["right first", "wrong"],
)
def test_one_attempt_is_judged_against_each_reference_answer(verifier, attempt, answers):
    """Catches a memory keyed by the stated answer alone: the first verdict would stand for all."""
    expected = [answer == attempt for answer in answers]
    assert [verifier([attempt], [answer])[0].correct for answer in answers] == expected
    remembered = verifier([attempt, attempt], answers)
    assert [verdict.correct for verdict in remembered] == expected


def test_attempts_that_state_different_answers_are_judged_each(verifier):
    """Catches a memory keyed by the reference answer alone."""
    attempts, expected = ("5", "6", "5"), [True, False, True]
    assert [verifier([attempt], ["5"])[0].correct for attempt in attempts] == expected
