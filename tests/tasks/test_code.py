"""Code: the last program of an attempt, and the tests that judge it."""

import json

import pytest
from real_rows import rows
from score.tasks import code
from score.verifiers.verifier import Verifier


def test_code_extracts_the_last_closed_block():
    attempt = "```python\na\n```\ntext\n```\nb\n\n```\n```text\nc\n```"
    assert code.extract(attempt, "default", "") == "b"
    assert code.extract(attempt + "\n```python\nd", "default", "") is None
    assert code.extract("def f(): pass", "default", "") is None
    assert code.extract("```python\n    return 1\n```", "default", "") == "    return 1"
    assert code.extract(attempt, "final", "Final program:") is None
    assert (
        code.extract(attempt + "\nFinal program:\n```py\ne\n```", "final", "Final program:") == "e"
    )


def test_code_golds_that_cannot_judge_are_refused_with_a_reason():
    cases = [("nonsense", "not a JSON object"), ({"tests": []}, "no tests")]
    cases += [({"tests": ["assert f("]}, "not Python"), ({"text": "x"}, "keys")]
    for raw, reason in cases:
        with pytest.raises(ValueError, match=reason):
            code.parse_gold(raw)
    with pytest.raises(KeyError, match="test_list"):
        code.gold_from_row({"text": "x", "code": "y"})


def test_tests_take_only_what_the_solution_defines_from_the_program():
    gold = json.loads(
        code.parse_gold(
            {
                "tests": ["assert sum(2, 3) == 5 and math.isclose(max(1, 2), 2)"],
                "solution": "import math\ndef sum(a, b):\n    max = a + b\n    return max",
            }
        )
    )
    assert gold["names"] == ["sum"] and gold["imports"] == ["import math"]


@pytest.mark.parametrize(
    "name, count", [("humaneval/HumanEval.jsonl.gz", 164), ("mbpp/sanitized-mbpp.json", 427)]
)
def test_canonical_solutions_pass(name, count):
    """A part of each, for time; benchmarks/labelled_suites.py runs them all."""
    all_rows = rows(name)
    assert len(all_rows) == count
    chosen = all_rows[:: 7 if count == 427 else 2]
    golds = [code.parse_gold(code.gold_from_row(row)) for row in chosen]
    with Verifier("code", deadline=30.0, workers=2) as verifier:
        verdicts = verifier([code.state(gold, code.MARKER) for gold in golds], golds)
    wrong = [row["task_id"] for row, v in zip(chosen, verdicts, strict=True) if not v.correct]
    assert wrong == []


def test_mbpp_solutions_that_need_setup_or_types_pass_and_wrong_ones_do_not():
    by_id = {row["task_id"]: row for row in rows("mbpp/mbpp.jsonl")}
    chosen = [by_id[number] for number in (367, 927, 533, 1, 601)]
    golds = [code.parse_gold(code.gold_from_row(row)) for row in chosen]
    attempts = [code.state(gold, code.MARKER) for gold in golds]
    with Verifier("code", deadline=30.0) as verifier:
        assert [v.verdict for v in verifier(attempts, golds)] == ["correct"] * 5
        rotated = attempts[1:] + attempts[:1]
        assert [v.verdict for v in verifier(rotated, golds)] == ["incorrect"] * 5
