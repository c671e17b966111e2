"""Turn 2 continues turn 1, whatever the chat template and the few-shot examples."""

import json

import pytest
from score.sampling.few_shot import read_few_shot, read_messages
from score.sampling.prompts import Bridge, correction_prompts, first_messages, prompt_ids
from score.sampling.rollout import begin_rollouts, continue_rollouts, sample_rollouts
from score.sampling.tokenizers import load_tokenizer
from score.tasks import known_tasks, load_task

BASE = "data/puzzle/policy"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def tokenizer():
    return load_tokenizer(BASE)


@pytest.fixture
def chatml(tokenizer):
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHATML
    return tokenizer


def test_bridge_is_what_the_template_writes_between_two_attempts(tokenizer):
    bridge = Bridge.from_tokenizer(tokenizer, "recheck")
    assert tokenizer.convert_ids_to_tokens(list(bridge.ids)) == ["<end>", "recheck", ":"]
    assert bridge.end == tokenizer.eos_token_id


def test_bridge_closes_an_attempt_only_where_it_did_not_end_itself(tokenizer):
    bridge = Bridge.from_tokenizer(tokenizer, "recheck")
    assert bridge.after([5, bridge.end]) == list(bridge.ids[1:])
    assert bridge.after([5, 6]) == list(bridge.ids)
    assert bridge.after([]) == list(bridge.ids)


def test_attempt_that_ended_in_another_stop_token_is_kept_and_closed_as_the_template_does():
    """By hand: 1 is the template's end of turn, 2 another token that the policy stops at."""
    told = iter([[[5, 2], [5, 1]], [[6, 1], [6, 2]]])
    bridge = Bridge((1, 20), end=1)
    rollouts = sample_rollouts([[3], [3]], bridge, lambda *asked: next(told), {1, 2})
    assert rollouts[0].tokens() == ([3, 5, 2, 1, 20, 6, 1], [0, 1, 1, 0, 0, 2, 2])
    assert rollouts[1].tokens() == ([3, 5, 1, 20, 6, 2], [0, 1, 1, 0, 2, 2])
    assert [rollout.truncated for rollout in rollouts] == [[False, False]] * 2


def test_ids_of_both_turns_equal_those_of_the_whole_conversation(chatml):
    bridge = Bridge.from_tokenizer(chatml, "recheck")
    question = [{"role": "user", "content": "4 7 19 make 26"}]
    attempt = chatml("-19 =7 -7 =0 <|im_end|>", add_special_tokens=False)["input_ids"]
    ids = prompt_ids(chatml, question) + attempt + bridge.after(attempt)
    whole = [
        *question,
        {"role": "assistant", "content": "-19 =7 -7 =0"},
        {"role": "user", "content": "recheck"},
    ]
    assert ids == prompt_ids(chatml, whole)


def test_conversation_with_a_critique_is_the_one_that_the_template_would_write(chatml):
    said = {"attempt": "-19 =7 -7 =0", "critique": "ok", "again": "fix -4 =22"}
    ids = {
        k: chatml(f"{v} <|im_end|>", add_special_tokens=False)["input_ids"] for k, v in said.items()
    }
    told = iter(ids.values())
    question = [{"role": "user", "content": "4 7 19 make 26"}]
    bridges = (Bridge.from_tokenizer(chatml, "recheck"), Bridge.from_tokenizer(chatml, "make"))
    stop_ids = {bridges[0].end}
    generate = lambda *asked: [next(told)]  # noqa: E731
    begun = begin_rollouts([prompt_ids(chatml, question)], generate, stop_ids, None)
    (rollout,) = continue_rollouts(begun, bridges, generate, stop_ids, 2)
    roles = ("assistant", "user", "assistant", "user")
    texts = (said["attempt"], "recheck", said["critique"], "make")
    whole = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    assert rollout.tokens()[0] == prompt_ids(chatml, question + whole) + ids["again"]


def test_messages_that_lead_on_are_those_of_the_task():
    math, puzzle = load_task("math"), load_task("puzzle")
    assert correction_prompts(math, "correction") == (math.CORRECTION_PROMPT,)
    two = (math.CRITIQUE_PROMPT, math.REFINE_PROMPT)
    assert correction_prompts(math, "self_refine") == two
    with pytest.raises(
        ValueError, match=r"task puzzle defines no CRITIQUE_PROMPT and no REFINE_PR"
    ):
        correction_prompts(puzzle, "self_refine")


def test_tokenizer_without_a_chat_template_is_refused(tokenizer):
    tokenizer.chat_template = None
    with pytest.raises(ValueError, match="no chat template"):
        Bridge.from_tokenizer(tokenizer, "recheck")


def test_question_with_braces_stays_as_it_is():
    task = load_task("math")
    (message,) = first_messages(r"Simplify \frac{1}{2} {question} {0}", task, [])
    assert r"\frac{1}{2} {question} {0}" in message["content"]


def test_few_shot_examples_come_first_and_initial_ones_before_corrections(tmp_path):
    example = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    (tmp_path / "math_initial.json").write_text(json.dumps(example))
    (tmp_path / "math_correction.json").write_text(json.dumps(example * 2))
    few_shot = read_few_shot(str(tmp_path), "math")
    assert few_shot == example * 3
    assert first_messages("x", load_task("math"), few_shot)[:-1] == few_shot


@pytest.mark.parametrize("task_type", [t for t in known_tasks() if t not in ("puzzle", "sums")])
def test_shipped_few_shot_files_are_conversations_in_the_words_of_their_task(task_type):
    task = load_task(task_type)
    few_shot = read_few_shot("few_shots", task_type)
    users = [message["content"] for message in few_shot if message["role"] == "user"]
    assert task.CORRECTION_PROMPT in users
    opening = task.FIRST_PROMPT.partition("{question}")[0]
    assert all(u == task.CORRECTION_PROMPT or u.startswith(opening) for u in users)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{", "not JSON"),
        ('{"role": "user"}', "holds dict"),
        ('["hello", "there"]', "message 1"),
        ('[{"role": "user", "content": "q"}]', "holds 1 messages"),
        ('[{"role": "user", "content": "q"}, {"role": "user", "content": "q"}]', "message 2"),
        ('[{"role": "user", "content": 3}, {"role": "assistant", "content": "a"}]', "message 1"),
    ],
)
def test_few_shot_file_that_is_no_conversation_is_refused(tmp_path, content, found):
    path = tmp_path / "math_initial.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=found) as error:
        read_messages(path)
    assert str(path) in str(error.value)
