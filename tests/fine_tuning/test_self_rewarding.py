"""Self-rewarding correction: which trajectories are kept, and which of their turns are imitated."""

import json
from collections import Counter

import pandas as pd
import pytest
from base_policies import save_policy
from score.fine_tuning import corrections
from score.fine_tuning.examples import read_examples
from score.fine_tuning.self_rewarding import self_rewarding_conversations
from score.policies.load import vocabulary_size
from score.sampling.prompts import Bridge, prompt_ids
from score.sampling.tokenizers import load_tokenizer
from score.tasks import math

RIGHT, WRONG = r"It is \boxed{4}.", r"It is \boxed{5}."
YES, NO, UNREAD = "The answer is correct.", "The answer is wrong.", "Hm."
SAYS = {YES: "correct", NO: "wrong", UNREAD: "unread"}
CHAT = (
    "{% for m in messages %}{{ '<|endoftext|>' if m.role == 'user' }}{{ m.role + ': ' + m.content }}"
    "{{ '<|endoftext|>' if m.role == 'assistant' }}{% endfor %}"
    "{{ 'assistant: ' if add_generation_prompt }}"
)


def rollout(first, said, revision=None, *, problem="p", sample=0, correction=0, cut=()):
    """A judged rollout as choosing sees it; ids are numbers that tell turns apart. cut: which are."""
    second = revision or first
    row = {"problem_id": problem, "sample": sample, "correction": correction, "prompt_ids": [1]}
    row |= {"self_verdict_t2": SAYS[said], "revised_t2": revision is not None}
    row |= {"critique_t2": said, "critique_ids_t2": [20 + correction]}
    for t, text in ((1, first), (2, second)):
        row |= {f"attempt_t{t}": text, f"truncated_t{t}": t in cut, f"correct_t{t}": text == RIGHT}
    return row | {"ids_t1": [10 + sample], "ids_t2": [30 + correction]}


def chosen(rows, most=None, seed=0):
    return self_rewarding_conversations(pd.DataFrame(rows), most, seed)


def told(found):
    return [(c.kind, c.turns) for c in found]


def test_each_kind_of_trajectory_is_imitated_in_these_turns():
    rows = [
        rollout(WRONG, NO, RIGHT, sample=0),
        rollout(WRONG, NO, RIGHT, sample=1, correction=1),
        rollout(RIGHT, NO, RIGHT, sample=2, correction=2),
        rollout(RIGHT, YES, sample=3, correction=3),
    ]
    assert told(chosen(rows)) == [
        ("verdict_wrong", ([10], [20])),
        ("incorrect_to_correct", ([10], [20], [30])),
        ("verdict_wrong", ([11], [21])),
        ("incorrect_to_correct", ([11], [21], [31])),
        ("correct_to_correct", ([12], [22], [32])),
        ("first_attempt", ([13],)),
        ("verdict_correct", ([13], [23])),
    ]


@pytest.mark.parametrize(
    "dropped",
    [
        rollout(WRONG, YES, sample=5),
        rollout(WRONG, UNREAD, sample=5),
        rollout(RIGHT, UNREAD, sample=5),
        rollout(WRONG, NO, WRONG, sample=5),
        rollout(RIGHT, NO, WRONG, sample=5),
        rollout(WRONG, NO, RIGHT, sample=5, cut=(2,)),
    ],
    ids=[
        "wrong said correct",
        "unread",
        "right unread",
        "not mended",
        "spoilt",
        "revision cut off",
    ],
)
def test_what_says_or_does_something_wrong_is_not_kept(dropped):
    kept = [rollout(WRONG, NO, RIGHT), rollout(RIGHT, YES, sample=1)]
    assert told(chosen([*kept, dropped])) == told(chosen(kept))


def test_a_right_attempt_that_was_cut_off_is_not_imitated_and_its_verdict_is():
    rows = [rollout(WRONG, NO, RIGHT), rollout(RIGHT, YES, sample=1, cut=(1,))]
    assert [kind for kind, _ in told(chosen(rows))][2:] == ["verdict_correct"]


def test_of_an_attempt_one_trajectory_is_kept_and_of_right_and_wrong_ones_as_many():
    rows = [rollout(WRONG, NO, RIGHT, sample=s, problem=f"w{s}") for s in range(40)]
    rows += [rollout(RIGHT, YES, problem=f"r{p}", correction=c) for p in range(9) for c in range(3)]
    rows += [rollout(RIGHT, NO, RIGHT, problem=f"r{p}", correction=3) for p in range(9)]
    drawn = [chosen(rows, seed=seed) for seed in range(20)]
    for found in drawn:
        kinds = Counter(c.kind for c in found)
        assert kinds["verdict_wrong"] == kinds["incorrect_to_correct"] == 9
        assert kinds["verdict_correct"] == kinds["first_attempt"]
        assert kinds["verdict_correct"] + kinds["correct_to_correct"] == 9
        assert len({(c.problem_id, c.sample) for c in found}) == 18
    assert told(drawn[0]) == told(chosen(rows)) and len({str(told(d)) for d in drawn}) == 20
    mistaken = sum(c.kind == "correct_to_correct" for found in drawn for c in found)
    assert mistaken == pytest.approx(20 * 9 / 4, rel=0.4)  # one of four of each attempt
    few = chosen([rollout(WRONG, NO, RIGHT, sample=s) for s in range(9)] + rows, most=2)
    assert sum(c.problem_id == "p" for c in few) <= 2 * 2


@pytest.mark.parametrize("rows", [[rollout(WRONG, NO, RIGHT)], [rollout(RIGHT, YES)]])
def test_right_or_wrong_first_attempts_alone_teach_nothing(rows):
    assert chosen(rows) == []


def test_examples_are_the_conversations_of_the_protocol_and_what_was_sampled_is_counted(tmp_path):
    folder = save_policy(tmp_path / "policy")
    tokenizer = load_tokenizer(folder)
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)
    bridges = [
        Bridge.from_tokenizer(tokenizer, m) for m in (math.VERIFY_PROMPT, math.REVISE_PROMPT)
    ]
    end, size = bridges[0].end, vocabulary_size(folder, None, False)

    def ids(text):
        return [*tokenizer(text, add_special_tokens=False)["input_ids"], end]

    prompt = prompt_ids(tokenizer, [{"role": "user", "content": "2 + 2"}])
    rows = [rollout(WRONG, NO, RIGHT), rollout(WRONG, UNREAD, correction=1)]
    rows += [rollout(RIGHT, YES, sample=1), rollout(RIGHT, YES, sample=1, correction=1)]
    for row in rows:
        row |= {"question": "2 + 2", "answer": json.dumps("4"), "prompt_ids": prompt}
        row |= {f"ids_t{t}": ids(row[f"attempt_t{t}"]) for t in (1, 2)}
        row |= {"critique_ids_t2": ids(row["critique_t2"])}
    pd.DataFrame(rows).to_parquet(tmp_path / "sampled.parquet")
    settings = {"task_type": "math", "evaluator_function": "math_acc", "random_seed": 0}
    (tmp_path / "settings.json").write_text(json.dumps({**settings, "method": "self_rewarding"}))
    names = {"settings": "settings.json", "sampled": "sampled.parquet"}
    names |= {"examples": "examples.jsonl", "report": "examples.json"}
    files = [part for name, file in names.items() for part in (f"--{name}", str(tmp_path / file))]
    corrections.main([*files, "--policy", folder])
    found = read_examples(tmp_path / "examples.jsonl", size)
    verify, revise = (list(bridge.ids[1:]) for bridge in bridges)
    judged = prompt + ids(WRONG) + verify
    expected = [
        (judged, ids(NO)),
        (judged + ids(NO) + revise, ids(RIGHT)),
        (prompt, ids(RIGHT)),
        (prompt + ids(RIGHT) + verify, ids(YES)),
    ]
    assert [(e.input_ids[: e.context], e.input_ids[e.context :]) for e in found] == expected
    report = json.loads((tmp_path / "examples.json").read_text())
    assert report["attempts_sampled"] == 2 + 1  # two first attempts, one revision
    assert (report["said_correct"], report["said_wrong"], report["said_unread"]) == (2, 1, 1)
    pd.DataFrame(rows[2:]).to_parquet(tmp_path / "sampled.parquet")
    with pytest.raises(SystemExit, match=r"no trajectory is kept .*of the 0 others.* balanced"):
        corrections.main([*files, "--policy", folder])
    pd.DataFrame(rows).drop(columns="critique_ids_t2").to_parquet(tmp_path / "sampled.parquet")
    with pytest.raises(SystemExit, match=r"expected also \['critique_ids_t2'\]"):
        corrections.main([*files, "--policy", folder])
