"""Prompts of the config take the place of the task's own, and a system message is shown or refused."""

import pytest
from sampling_runs import PROBLEMS, SETTINGS
from score.sampling.prompt_settings import task_with
from score.sampling.prompts import Bridge, correction_prompts, first_messages
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task

BASE = "data/puzzle/policy"
EXAMPLE = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
REFUSES = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHATML
)
DROPS = CHATML.replace("in messages %}", "in messages if m.role != 'system' %}")
# As templates of Mistral's do: the system message stands in the last user message.
MOVES = DROPS.replace(
    "{{ m.content }}",
    "{% if loop.last and messages[0].role == 'system' %}{{ messages[0].content }}\n{% endif %}"
    "{{ m.content }}",
)


@pytest.fixture
def chatml():
    tokenizer = load_tokenizer(BASE)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHATML
    return tokenizer


def test_a_conversation_is_system_message_then_worked_examples_then_the_question():
    given = {"system_prompt": "Be brief.", "first_prompt": "Q: {question}"}
    messages = first_messages("1+1", task_with("math", given), EXAMPLE)
    assert messages == [
        {"role": "system", "content": "Be brief."},
        *EXAMPLE,
        {"role": "user", "content": "Q: 1+1"},
    ]
    own = load_task("math")
    assert task_with("math", {"first_prompt": None}) is own
    assert first_messages("1+1", own, EXAMPLE)[0] == EXAMPLE[0]


def test_prompts_between_attempts_are_those_given_and_else_the_task_s_own():
    given = {"correction_prompt": "Again.", "critique_prompt": "Why?", "refine_prompt": "Now?"}
    task = task_with("puzzle", given)  # which has none of its own to refine by
    assert correction_prompts(task, "correction") == ("Again.",)
    assert correction_prompts(task, "self_refine") == ("Why?", "Now?")
    assert task.grade is load_task("puzzle").grade
    assert correction_prompts(task_with("math", given | {"correction_prompt": None}), "correction")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("first_prompt", "Solve it.", r"first_prompt is 'Solve it.'; .* holds \{question\}"),
        ("correction_prompt", "", "correction_prompt is ''; expected a text"),
        ("system_prompt", " \n", "system_prompt is .*; expected a text"),
    ],
)
def test_prompt_that_asks_nothing_is_refused(name, text, message):
    with pytest.raises(ValueError, match=message):
        task_with("math", {name: text})


def test_sampling_asks_in_these_words():
    changes = {"first_prompt": "fix {question}", "correction_prompt": "ok", "system_prompt": "4 5"}
    settings = SETTINGS.__class__(**{**vars(SETTINGS), **changes})
    plan = SamplingPlan(settings, BASE, PROBLEMS[:1], [])
    (ids,) = plan.prompts.values()
    words = plan.tokenizer.convert_ids_to_tokens(ids)
    assert words == ["4", "5", "<end>", "fix", *PROBLEMS[0].question.split(), ":"]
    assert plan.tokenizer.convert_ids_to_tokens(plan.bridges[0].ids) == ["<end>", "ok", ":"]


@pytest.mark.parametrize(
    ("template", "found"),
    [(REFUSES, r"takes no system message \(no system\)"), (DROPS, "takes no system message; exp")],
    ids=["refuses", "drops"],
)
def test_template_without_a_system_message_is_told_in_one_sentence(chatml, template, found):
    chatml.chat_template = template
    Bridge.from_tokenizer(chatml, "recheck")
    with pytest.raises(ValueError, match=f"system_prompt is 'Be brief.', but .* {found}"):
        Bridge.from_tokenizer(chatml, "recheck", "Be brief.")


def test_template_that_moves_the_system_message_rewrites_history(chatml):
    chatml.chat_template = MOVES
    Bridge.from_tokenizer(chatml, "recheck")
    with pytest.raises(ValueError, match="does not only append"):
        Bridge.from_tokenizer(chatml, "recheck", "Be brief.")
