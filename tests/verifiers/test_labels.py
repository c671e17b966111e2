"""The labels of real solutions are met by the verifier."""

import pytest
from real_rows import rows
from score.verifiers.verifier import Verifier


def gsm8k_texts() -> list[tuple[str, str, bool]]:
    texts = []
    for row in rows("labelled/gsm8k_model_solutions.jsonl"):
        gold = row["ground_truth"].rpartition("A: ")[2].strip()
        labelled = [value for value in row.values() if isinstance(value, dict)]
        texts += [(one["solution"], gold, one["is_correct"]) for one in labelled]
    return texts


@pytest.mark.parametrize("mode", ["default", "final"])
def test_all_gsm8k_labels_are_met(mode):
    texts = gsm8k_texts()
    with Verifier("math", None, mode, "A:") as verifier:
        verdicts = verifier([text[0] for text in texts], [text[1] for text in texts])
        agreeing = sum(v.correct == text[2] for v, text in zip(verdicts, texts, strict=True))
        assert (agreeing, len(texts)) == (5276, 5276)
        right = [text for text in texts if text[2]]
        cut = [attempt[: attempt.rindex("A:")] for attempt, _, _ in right]
        assert {v.verdict for v in verifier(cut, [text[1] for text in right])} == {"no_answer"}


def test_all_labels_of_the_long_solutions_are_met_but_one_that_is_wrong():
    texts = [
        (f"{row['idx']}/{i}", attempt, row["gt"], label)
        for row in rows("labelled/qwen_math_cot_100.jsonl")
        for i, (attempt, label) in enumerate(zip(row["code"], row["score"], strict=True))
    ]
    with Verifier("math") as verifier:
        verdicts = verifier([text[1] for text in texts], [text[2] for text in texts])
        differing = [t[0] for t, v in zip(texts, verdicts, strict=True) if v.correct != t[3]]
        # solution 7 of problem 72 states \boxed{10000}, the gold is 10{,}000, the label says wrong
        assert len(texts) == 800 and differing == ["72/7"]
        cut = [attempt[: attempt.index("\\boxed")] for _, attempt, _, _ in texts]
        assert {v.verdict for v in verifier(cut, [text[2] for text in texts])} == {"no_answer"}
