"""Attempts that the policy judges itself: verdicts read strictly, revisions only where it says wrong."""

import re
from dataclasses import replace

import pytest
from sampling_runs import BASE, POLICY, PROBLEMS, SETTINGS, STOP
from score.sampling import self_verified
from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.prompts import Bridge
from score.sampling.rollout import begin_rollouts
from score.sampling.sample import sample_policy
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.self_verified import (
    ReadVerdicts,
    as_attempts,
    continue_verified,
    read_verdict,
)
from score.tasks import code, math, qa

JUDGING = """
from score.tasks.puzzle import *
VERIFY_PROMPT = "make"
REVISE_PROMPT = "recheck"
"""
VERIFY, REVISE = Bridge((1, 20), end=1), Bridge((1, 30), end=1)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Step 2 fails: 3 + 4 is 7.\n\nThe answer is wrong.", "wrong"),
        ("All steps hold. Therefore, the answer is correct", "correct"),
        ("**The answer is **wrong**.**", "wrong"),
        ('So: The answer is "Correct".', "correct"),
        ("The answer is wrong.\nNo, it holds. The answer is correct.\n", "correct"),
        ("The answer is wrong. Here is a better one: 5.", "unread"),
        ("I doubt that the answer is correct.", "unread"),
        ("The answer is not correct.", "unread"),
        ("The answer is correctly given.", "unread"),
        ("The answer is wrong or correct.", "unread"),
        ("wrong", "unread"),
        ("", "unread"),
        (" " * 100_000 + "The answer is" + " " * 100_000, "unread"),
    ],
)
def test_only_the_last_sentence_is_a_verdict(text, verdict):
    assert read_verdict(text) == verdict


@pytest.mark.parametrize("task", [math, qa, code], ids=["math", "qa", "code"])
def test_tasks_ask_for_a_verdict_in_the_form_that_is_read_and_give_none_themselves(task):
    forms = "The answer is correct. The answer is wrong."
    assert task.VERIFY_PROMPT.endswith(forms)
    assert {read_verdict(form) for form in re.findall(r"T[^.]*\.", forms)} == {"correct", "wrong"}
    said = task.VERIFY_PROMPT.removesuffix(forms) + task.REVISE_PROMPT
    assert not re.search(
        r"(?i)\b(in)?correct\b(?!\.$)|\bwrong|mistake|error", said.split("form:")[0]
    )
    ending = task.CORRECTION_PROMPT.split("in exactly")[-1].split("one block")[-1]
    assert task.REVISE_PROMPT.endswith(ending)


def told(*calls):
    """A `Generate` that answers each call with the next of these lists, and notes what it is asked."""
    answers, asked = iter(calls), []

    def generate(prompts, seeds):
        asked.append((prompts, seeds))
        return next(answers)

    generate.asked = asked
    return generate


def read(turns):
    return [{6: "correct", 7: "wrong"}.get(turn[0], "unread") for turn in turns]


def test_only_attempts_that_are_called_wrong_are_revised():
    """By hand, with 1 for the end of a turn: three rollouts say wrong, correct and nothing."""
    begun = begin_rollouts([[3], [4], [5]], told([[11, 1], [12, 1], [13]]), {1}, None)
    generate = told([[7, 1], [6, 1], [8]], [[14, 1]])
    seeds = [[10 * i + t for t in range(3)] for i in range(3)]
    a, b, c = continue_verified(begun, (VERIFY, REVISE), generate, {1}, 2, read, seeds)
    asked = [[3, 11, 1, 20], [4, 12, 1, 20], [5, 13, 1, 20]], [1, 11, 21]
    assert generate.asked == [asked, ([[3, 11, 1, 20, 7, 1, 30]], [2])]
    assert a.tokens() == (
        [3, 11, 1, 20, 7, 1, 30, 14, 1],
        [0, 1, 1, 0, 2, 2, 0, 3, 3],
    )
    assert b.tokens() == ([4, 12, 1, 20, 6, 1], [0, 1, 1, 0, 2, 2])
    assert c.tokens() == ([5, 13, 1, 20, 8], [0, 1, 0, 0, 2])
    assert [r.truncated for r in (a, b, c)] == [[False] * 3, [False] * 3, [True, True, False]]
    assert [as_attempts(r).attempts for r in (a, b)] == [[[11, 1], [14, 1]], [[12, 1]] * 2]
    assert as_attempts(c).truncated == [True, True] and begun[0].attempts == [[11, 1]]


def test_what_stands_is_not_judged_again_and_what_was_revised_is():
    begun = begin_rollouts([[3], [4]], told([[11, 1], [12, 1]]), {1}, None)
    generate = told([[7, 1], [6, 1]], [[13, 1]], [[7, 1]], [[14, 1]])
    a, b = continue_verified(begun, (VERIFY, REVISE), generate, {1}, 3, read, history="last")
    assert a.attempts == [[11, 1], [7, 1], [13, 1], [7, 1], [14, 1]]
    assert b.attempts == [[12, 1], [6, 1], [], [], []]
    assert generate.asked[2][0] == [[3, 13, 1, 20]], "history last shows the last attempt alone"
    assert as_attempts(b).attempts == [[12, 1]] * 3


class Stripping:
    """A bridge that shows of an earlier attempt its last token alone."""

    history = "stripped"

    def after(self, attempt):
        return [20]

    def next_context(self, context, attempt):
        return [*context, attempt[-1], 20]


def test_turns_with_stripped_histories_have_the_context_that_they_were_sampled_on():
    begun = begin_rollouts([[3], [4]], told([[11, 1], [12, 1]]), {1}, None)
    generate = told([[7, 1], [6, 1]], [[13, 1]])
    a, b = continue_verified(begun, (Stripping(), Stripping()), generate, {1}, 2, read)
    assert [s.ids for s in a.sequences()] == [
        [3, 11, 1],
        [3, 1, 20, 7, 1],
        [3, 1, 20, 1, 20, 13, 1],
    ]
    assert [s.turn for s in b.sequences()] == [[0, 1, 1], [0, 0, 0, 2, 2], [0, 0, 0]]


def test_a_process_samples_as_often_and_for_as_many_as_the_others_do(monkeypatch):
    monkeypatch.setattr(self_verified, "most_of_all_ranks", lambda count: 3)
    begun = begin_rollouts([[3], [4]], told([[11, 1], [12, 1]]), {1}, None)
    generate = told([[6, 1], [6, 1], [9]], [[9], [9], [9]])
    generate.tell, generate.logps = True, []

    def telling(prompts, seeds):
        found = generate(prompts, seeds)
        telling.logps.append([[-1.0] * len(attempt) for attempt in found])
        return found

    telling.tell, telling.logps = True, []
    rollouts = continue_verified(begun, (VERIFY, REVISE), telling, {1}, 2, read)
    assert [r.attempts[1:] for r in rollouts] == [[[6, 1], []]] * 2
    assert [len(prompts) for prompts, _ in generate.asked] == [3, 3]
    assert telling.logps == [[[-1.0, -1.0]] * 2, [[], []]]


TEXTS = {2: "<think>hm</think>", 3: "The answer is wrong.", 4: "<think>", 1: ""}


class Words:
    """A tokenizer whose ids are these texts."""

    def batch_decode(self, rows, skip_special_tokens):
        return [" ".join(TEXTS[i] for i in row) for row in rows]


def test_a_verdict_that_is_cut_off_or_within_reasoning_is_not_read():
    read = ReadVerdicts(Words(), {1}, ["<think>", "</think>"])
    assert read([[3, 1], [2, 3, 1], [3], [4, 3, 1]]) == ["wrong", "wrong", "unread", "unread"]
    assert ReadVerdicts(Words(), {1}, ["<think>", "</think>"], "<think>")([[3, 1]]) == ["unread"]


@pytest.fixture
def judging(tmp_path, monkeypatch):
    """The puzzle's policy as one that judges itself: it says wrong of every other attempt."""
    path = tmp_path / "judging.py"
    path.write_text(JUDGING)
    says = lambda self, turns: ["wrong" if sum(t) % 2 else "correct" for t in turns]  # noqa: E731
    monkeypatch.setattr(ReadVerdicts, "__call__", says)
    return replace(SETTINGS, task_type=str(path), prompting="pag")


def test_rows_say_what_stands_and_do_not_depend_on_batches(judging, tmp_path):
    few = PROBLEMS[:20]
    plan = SamplingPlan(judging, BASE, few, [])
    rows = sample_policy(plan, tmp_path / "shards")
    assert {row["revised_t2"] for row in rows} == {True, False}
    for row in rows:
        assert row["revised_t2"] == (row["self_verdict_t2"] == "wrong")
        assert row["critique_tokens_t2"] > 0
        if not row["revised_t2"]:
            assert row["attempt_t2"] == row["attempt_t1"] and row["ids_t2"] == row["ids_t1"]
            assert row["tokens_t2"] == 0
        else:
            assert row["tokens_t2"] == len(row["ids_t2"]) > 0
    apart = SamplingPlan(replace(judging, batch_size=3), BASE, few, [])
    assert sample_policy(apart, tmp_path / "others") == rows
    plain = SamplingPlan(replace(SETTINGS, prompting="correction"), BASE, few, [])
    generate = HFGenerate(POLICY, sampling_config(10, 1.0, STOP, 0), 64)
    jobs = [(p.id, sample) for p in few for sample in range(2)]
    firsts = [row["ids_t1"] for row in plain.rows(jobs, generate, STOP)]
    assert [row["ids_t1"] for row in rows] == firsts


def test_task_without_the_messages_of_pag_is_refused():
    with pytest.raises(ValueError, match="task puzzle defines no VERIFY_PROMPT and no REVISE"):
        SamplingPlan(replace(SETTINGS, prompting="pag"), BASE, PROBLEMS[:1], [])
