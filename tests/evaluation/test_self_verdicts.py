"""What a policy's verdicts on its own attempts are worth, counted by hand."""

import pandas as pd
import pytest
from score.evaluation.metrics import evaluation_metrics
from score.evaluation.self_verdicts import self_verdict_metrics

# verdict on attempt 1, whether it is right, whether attempt 2 is
ROWS = [
    ("wrong", False, True),
    ("wrong", False, False),
    ("wrong", True, False),
    ("correct", True, True),
    ("correct", False, False),
    ("unread", True, True),
    ("unread", False, False),
    (None, True, True),
]


def frame():
    said, first, second = zip(*ROWS, strict=True)
    return pd.DataFrame(
        {
            "problem_id": range(8),
            "self_verdict_t2": said,
            "revised_t2": [verdict == "wrong" for verdict in said],
            **{
                f"{name}_t{t}": values
                for t, right in ((1, first), (2, second))
                for name, values in {
                    "correct": right,
                    "score": [float(r) for r in right],
                    "verdict": ["correct" if r else "incorrect" for r in right],
                    "extracted": ["1" if r else "2" for r in right],
                    "attempt": ["1" if r else "2" for r in right],
                }.items()
            },
        }
    )


def test_verdicts_are_counted_against_the_attempt_that_they_are_about():
    assert self_verdict_metrics(frame(), 2) == {
        "taken": 7,
        "said_wrong": 3,
        "unread": 2,
        "accuracy": pytest.approx(3 / 7),
        "wrong_precision": pytest.approx(2 / 3),
        "wrong_recall": pytest.approx(2 / 4),
        "correct_recall": pytest.approx(1 / 3),
        "revised": pytest.approx(3 / 8),
    }


def test_metrics_of_a_policy_tell_of_its_verifier_turn_and_only_where_it_has_one():
    told = evaluation_metrics(frame(), samples=10)
    assert told["verifier_turns"]["2"]["said_wrong"] == 3
    assert told["self_correction"]["incorrect_to_correct"] == pytest.approx(1 / 8)
    assert told["self_correction"]["correct_to_incorrect"] == pytest.approx(1 / 8)
    plain = frame().drop(columns=["self_verdict_t2", "revised_t2"])
    assert "verifier_turns" not in evaluation_metrics(plain, samples=10)


def test_shares_of_nothing_are_null():
    none_wrong = frame().iloc[3:4]
    told = self_verdict_metrics(none_wrong, 2)
    assert told["wrong_precision"] is None and told["wrong_recall"] is None
    assert told["accuracy"] == 1.0 and told["revised"] == 0.0
