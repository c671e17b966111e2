"""Nothing inside a reasoning block states an answer, whatever the task and whoever opened the block."""

import pickle

import pytest
from score.tasks import load_task
from score.verifiers.reasoning import TAGS, after_reasoning
from score.verifiers.verifier import Verifier

CASES = [
    # text, what of it counts, why
    (r"So \boxed{12}.", r"So \boxed{12}.", "text without tags is unchanged"),
    (" two\n\nlines ", " two\n\nlines ", "white space too"),
    ("", "", "an empty attempt is an attempt"),
    (r"<think> 3·4 is \boxed{12}. Wait, that may be wrong", None, "the block never closes"),
    (r"\boxed{3} <think> or is it 4", None, "what stands before an open block is under review"),
    ("<think>hm \\boxed{3}</think>\n\n\\boxed{4}", r"\boxed{4}", "the answer follows the block"),
    (r"<think>\boxed{3}</think>", "", "the answer stands in the block alone"),
    (
        r"<think>a</think> \boxed{1} <think>b</think> \boxed{2}",
        r"\boxed{2}",
        "the last block counts",
    ),
    (r"<think>a</think> \boxed{1} <think>b", None, "the last block never closes"),
    (r"<think>a<think>b</think>\boxed{1}</think>\boxed{2}", r"\boxed{2}", "blocks are nested"),
    (r"<think>a<think>b</think>\boxed{1}", None, "the outer of two blocks never closes"),
    (r"hm \boxed{3}</think> \boxed{4}", r"\boxed{4}", "the template opened the block"),
    (r"</think></think> \boxed{4}", r"\boxed{4}", "a stray end ends nothing more"),
]


@pytest.mark.parametrize(("attempt", "counts", "why"), CASES, ids=[case[2] for case in CASES])
def test_what_counts_of_an_attempt(attempt, counts, why):
    assert after_reasoning(attempt, TAGS) == counts


@pytest.mark.parametrize(
    ("opening", "attempt", "counts"),
    [
        ("<|assistant|>\n<think>\n", r"\boxed{3}", None),
        ("<|assistant|>\n<think>\n", r"hm</think> \boxed{4}", r"\boxed{4}"),
        ("<|assistant|>\n<think>\n", r"<think>hm</think> \boxed{4}", r"\boxed{4}"),
        ("<|assistant|>\n<think>\n\n</think>\n\n", r" \boxed{3}", r" \boxed{3}"),
        ("<|assistant|>\n", r" \boxed{3}", r" \boxed{3}"),
    ],
    ids=["never closed", "closed", "opened again", "opened and closed by the template", "plain"],
)
def test_what_the_template_opened_counts_as_opened(opening, attempt, counts):
    assert after_reasoning(attempt, TAGS, opening) == counts
    assert after_reasoning(attempt, None, opening) == attempt


GOLDS = {
    "math": "12",
    "qa": ["Paris"],
    "code": '{"solution": "def f():\\n    return 1", "tests": ["assert f() == 1"], "names": ["f"]}',
    "puzzle": "1 2 3 4 make 6 : -1 =5 -2 =3 -3 =0",
}


@pytest.mark.parametrize("task_type", GOLDS)
def test_no_task_pays_for_an_answer_in_an_open_block(task_type):
    task = load_task(task_type)
    gold = task.parse_gold(GOLDS[task_type])
    answer = task.state(gold, task.MARKER)
    attempts = [
        f"<think>{answer}</think>\n{answer}",
        f"<think>\n{answer}",
        f"<think>{answer}</think>",
    ]
    with Verifier(task_type, deadline=30.0) as verifier:
        verdicts = verifier([*attempts, answer], [gold] * 4, opening=["", "", "", "<think>"])
        assert [v.verdict for v in verdicts] == ["correct", *["no_answer"] * 3]
        assert verifier([answer], [gold])[0].correct


def test_tags_are_settable_and_travel_with_a_copy():
    attempts = [r"[R]\boxed{1}", r"<think>\boxed{1}"]
    with pickle.loads(pickle.dumps(Verifier("math", reasoning_tags=["[R]", "[/R]"]))) as verifier:
        assert [v.verdict for v in verifier(attempts, ["1", "1"])] == ["no_answer", "correct"]
    with Verifier("math", reasoning_tags=None) as verifier:
        assert [v.verdict for v in verifier(attempts, ["1", "1"])] == ["correct", "correct"]


@pytest.mark.parametrize("tags", [["<think>"], ["x", "x"], ["", "</think>"], "ab", [1, 2]])
def test_tags_that_mark_no_block_are_refused(tags):
    with pytest.raises(ValueError, match=r"reasoning_tags is .*; expected two different texts"):
        Verifier("math", reasoning_tags=tags)
