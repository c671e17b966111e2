"""Question answering: normalised answers, the best of several golds."""

from collections import Counter

import pytest
from real_rows import rows
from score.tasks import qa
from score.verifiers.verifier import Verifier


def test_qa_normalises_case_punctuation_and_articles():
    assert qa.normalise("The  U.S. Navy's “Big-E”!") == "us navys bige"
    assert qa.normalise("A an THE") == ""


QA = [  # attempt, golds, in_acc, em, f1: counted by hand
    ("Bobby Scott", ["Bobby Scott", "Bob Russell"], 1, 1, 1),
    ("It was Bob Russell, I think.", ["Bobby Scott", "Bob Russell"], 1, 0, 2 * 2 / (6 + 2)),
    ("Bob", ["Bob Russell"], 0, 0, 2 * 1 / (1 + 2)),
    ("the cat", ["Cat"], 1, 1, 1),
    ("concatenate", ["cat"], 0, 0, 0),
    ("14 December 1972", ["December 1972"], 1, 0, 2 * 2 / (3 + 2)),
    ("no no no", ["no way"], 0, 0, 2 * 1 / (3 + 2)),
    ("!!!", ["cat"], 0, 0, 0),
]


@pytest.mark.parametrize("attempt, golds, in_acc, em, f1", QA)
def test_qa_scores_the_best_gold(attempt, golds, in_acc, em, f1):
    scores = [qa.grade(attempt, golds, function) for function in ("in_acc", "em", "f1")]
    assert scores == pytest.approx([in_acc, em, f1])


def test_qa_final_mode_reads_only_the_line_behind_the_last_marker():
    attempt = "Paris? Final Answer: Lyon\nNo. Final Answer: **Paris**\nLyon"
    assert qa.extract(attempt, "final", qa.MARKER) == "Paris**"
    assert qa.grade("Paris**", ["Paris"], "em") == 1.0
    assert qa.extract("Paris", "final", qa.MARKER) is None
    assert qa.extract("Final Answer: ", "final", qa.MARKER) is None
    assert qa.extract(" Paris ", "default", qa.MARKER) == "Paris"


def test_qa_golds_that_vanish_are_refused():
    for raw, reason in [(["x", "the"], "empty once"), ([], "non-empty"), ([1], "not a text")]:
        with pytest.raises(ValueError, match=reason):
            qa.parse_gold(raw)


def test_natural_questions_golds_verify_against_themselves_but_for_those_that_vanish():
    kept, refused = [], []
    for row in rows("nq_open/dev.jsonl"):
        try:
            kept.append(qa.parse_gold(row["answer"]))
        except ValueError:
            refused.append(row["answer"])
    assert (len(kept), len(refused)) == (3606, 4)
    for function in qa.EVALUATOR_FUNCTIONS:
        for mode in ("default", "final"):
            with Verifier("qa", function, mode) as verifier:
                attempts = [qa.state(gold, qa.MARKER) for gold in kept]
                assert Counter(v.verdict for v in verifier(attempts, kept)) == {"correct": 3606}
