"""Earlier attempts without reasoning: shown as the chat template shows them, in ids as sampled."""

import pytest
from score.sampling.history import set_history
from score.sampling.prompts import Bridge, prompt_ids
from score.sampling.render import render
from score.sampling.rollout import begin_rollouts, continue_rollouts
from thinking import TAGS, thinking_tokenizer

QUESTION = {"role": "user", "content": "Q?"}
CORRECTION = {"role": "user", "content": "Recheck"}
# Of each template the message that it takes the reasoning out of: within the content, beside it, or
# nowhere, so that clients leave it out.
FORMS = {
    "qwen3": "inline",
    "qwen3_5_think": "inline",
    "qwen3_5_nothink": "inline",
    "deepseek_r1_distill": "inline",
    "glm4moe": "inline",
    "nemotron_3_nano": "inline",
    "lfm2_2_5": "inline",
    "qwen3_8": "beside",
    "smollm3": "answer",
}
VARIABLES = {"qwen3_8": {"preserve_thinking": False}}


def message(form, reasoning, answer):
    content = f"<think>\n{reasoning}</think>{answer}" if form == "inline" else answer
    beside = {"reasoning_content": reasoning} if form == "beside" else {}
    return {"role": "assistant", "content": content, **beside}


def shown_by_template(tokenizer, messages):
    return render(tokenizer, [QUESTION, *messages], add_generation_prompt=True)


def ids_of(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def text_of(tokenizer, ids):
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False)


@pytest.fixture(params=FORMS)
def name(request):
    return request.param


@pytest.fixture(params=[True, False], ids=["tag is a token", "tag is letters"])
def asked(name, request):
    """A tokenizer with the template, its bridge, the prompt, and whether the prompt opens a block."""
    tokenizer = thinking_tokenizer(name, whole_tags=request.param, **VARIABLES.get(name, {}))
    bridge = Bridge.from_tokenizer(tokenizer, CORRECTION["content"])
    prompt = prompt_ids(tokenizer, [QUESTION])
    opened = bridge.opening.rfind(TAGS[0]) > bridge.opening.rfind(TAGS[1])
    return tokenizer, bridge, prompt, "" if opened else "<think>\n"


@pytest.mark.parametrize("answer", ["\n\nThe answer is 4.", "The 4", " \nÜber 4!", "\n<b>", ""])
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "cut off"])
def test_turn_2_sees_attempt_1_as_its_template_shows_it(name, asked, answer, ended):
    tokenizer, bridge, prompt, begins = asked
    attempt = ids_of(tokenizer, f"{begins}hm\n</think>{answer}") + [bridge.end] * ended
    shown = text_of(tokenizer, bridge.next_context(prompt, attempt))
    expected = [message(FORMS[name], "hm\n", answer), CORRECTION]
    assert shown == shown_by_template(tokenizer, expected)
    assert "hm" not in shown


def test_third_attempts_see_both_before_without_reasoning(name, asked):
    tokenizer, bridge, context, begins = asked
    messages = []
    for answer in ("\n\nThe 4", "\n\n5 at last"):
        attempt = ids_of(tokenizer, f"{begins}hm\n</think>{answer}")
        context = bridge.next_context(context, [*attempt, bridge.end])
        messages += [message(FORMS[name], "hm\n", answer), CORRECTION]
    assert text_of(tokenizer, context) == shown_by_template(tokenizer, messages)


def test_block_that_never_closed_has_no_answer_to_show(name, asked):
    tokenizer, bridge, prompt, begins = asked
    attempt = ids_of(tokenizer, f"{begins}hm the answer is 4.")
    shown = text_of(tokenizer, bridge.next_context(prompt, attempt))
    assert shown == shown_by_template(tokenizer, [message(FORMS[name], "hm\n", ""), CORRECTION])


def test_attempt_without_reasoning_is_shown_whole():
    tokenizer = thinking_tokenizer("qwen3")
    bridge, prompt = Bridge.from_tokenizer(tokenizer, "Recheck"), prompt_ids(tokenizer, [QUESTION])
    attempt = [*ids_of(tokenizer, "\nThe 4"), bridge.end]
    assert bridge.next_context(prompt, attempt) == prompt + attempt + list(bridge.ids[1:])


def test_ids_of_the_answer_are_those_that_were_sampled_and_no_others():
    """Letter by letter, as the tokenizer itself would not split it."""
    tokenizer = thinking_tokenizer("qwen3")
    bridge, prompt = Bridge.from_tokenizer(tokenizer, "Recheck"), prompt_ids(tokenizer, [QUESTION])
    letters = [i for letter in "The answer" for i in ids_of(tokenizer, letter)]
    assert letters != ids_of(tokenizer, "The answer")
    reasoning = ids_of(tokenizer, "<think>hm</think>\n\n")
    shown = bridge.next_context(prompt, [*reasoning, *letters, bridge.end])
    assert shown == [*prompt, *letters, bridge.end, *bridge.ids[1:]]


def test_token_that_ends_the_closing_tag_and_begins_the_answer_is_replaced_by_its_rest():
    tokenizer = thinking_tokenizer("qwen3", whole_tags=False)
    tokenizer.add_tokens(">\n\nThe an")
    bridge, prompt = Bridge.from_tokenizer(tokenizer, "Recheck"), prompt_ids(tokenizer, [QUESTION])
    (joint,) = ids_of(tokenizer, ">\n\nThe an")
    letters = [i for letter in "swer" for i in ids_of(tokenizer, letter)]
    attempt = [*ids_of(tokenizer, "<think>hm</think"), joint, *letters]
    shown = bridge.next_context(prompt, attempt)
    assert shown == [*prompt, *ids_of(tokenizer, "The an"), *letters, *bridge.ids]


def test_critiques_and_last_attempts_alone_are_shown_without_reasoning_too():
    tokenizer = thinking_tokenizer("qwen3")
    bridges = [Bridge.from_tokenizer(tokenizer, text) for text in ("Critique", "Refine")]
    prompt, calls = prompt_ids(tokenizer, [QUESTION]), []

    def generate(prompts, seeds):
        calls.append([text_of(tokenizer, ids) for ids in prompts])
        said = f"<think>\nhm\n</think>\n\nNo {len(calls)}"
        return [[*ids_of(tokenizer, said), bridges[0].end] for _ in prompts]

    begun = begin_rollouts([prompt], generate, {bridges[0].end}, None)
    for history in ("whole", "last"):
        del calls[1:]
        (rollout,) = continue_rollouts(
            begun, tuple(bridges), generate, {bridges[0].end}, 3, history=history
        )
        says = [message("answer", "", f"No {i}") for i in range(1, 6)]
        asks = [{"role": "user", "content": text} for text in ("Critique", "Refine")] * 2
        turns = [each for pair in zip(says, asks, strict=False) for each in pair]
        expected = [shown_by_template(tokenizer, turns[: 2 * i]) for i in range(1, 5)]
        if history == "last":
            expected[2:] = [
                shown_by_template(tokenizer, turns[4:6]),
                shown_by_template(tokenizer, turns[4:8]),
            ]
        assert calls[1:] == [[text] for text in expected]
        assert [text_of(tokenizer, ids) for ids in rollout.contexts] == expected[1::2]
        labelled = [s.ids[s.turn.index(t) :] for t, s in enumerate(rollout.sequences(), 1)]
        assert labelled == rollout.attempts


@pytest.mark.parametrize(
    ("name", "variables", "said"),
    [
        ("llama3_1", {}, r"knows no reasoning in <think> … </think>.*history_thinking: keep"),
        ("qwen3_training", {}, "keeps the reasoning of attempts before.*history_thinking: keep"),
        ("qwen3_8", {}, r"keeps the reasoning.*preserve_thinking: false"),
    ],
)
def test_template_that_strips_nothing_is_refused(name, variables, said):
    tokenizer = thinking_tokenizer(name, **variables)
    with pytest.raises(ValueError, match=f"history_thinking is 'strip'.*{said}"):
        Bridge.from_tokenizer(tokenizer, "Recheck")
    set_history(tokenizer, "keep", TAGS)
    assert Bridge.from_tokenizer(tokenizer, "Recheck").history is None


@pytest.mark.parametrize(
    ("history", "tags", "said"),
    [("strip", None, "reasoning_tags null"), ("drop", TAGS, "expected one of keep, strip")],
)
def test_setting_that_can_not_be_is_refused(history, tags, said):
    with pytest.raises(ValueError, match=said):
        set_history(thinking_tokenizer("qwen3"), history, tags)
