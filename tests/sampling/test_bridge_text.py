"""A template may show earlier attempts as it likes: what it writes around attempts is worked out."""

import pytest
from score.sampling.bridge_text import bridge_text
from score.sampling.prompts import Bridge, prompt_ids
from score.sampling.render import _variables, render
from score.sampling.templates import stand_in_tokenizer

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPENING, AFTER = "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n<|im_start|>user\nrecheck"


def _history(shown: str) -> str:
    """CHATML, with `shown` in place of the content of attempts."""
    either = "{% if m.role == 'assistant' %}" + shown + "{% else %}{{ m.content }}{% endif %}"
    return CHATML.replace("{{ m.content }}", either)


def _worked_out(template: str, system=()):
    tokenizer = stand_in_tokenizer(template)
    return bridge_text(lambda *a, **k: render(tokenizer, *a, **k), "recheck", system)


@pytest.mark.parametrize(
    ("template", "opened"),
    [
        (CHATML, ""),
        (_history("{{ m.content.split('</think>')[-1] }}"), ""),
        (_history("<think>\n\n</think>\n\n{{ m.content.split('</think>')[-1].lstrip('\n') }}"), ""),
        (_history("{{ m.content | trim }}"), ""),
        (_history(" {{ m.content }} "), ""),
        ("{{ strftime_now('%d %b %Y') }}\n" + CHATML, ""),
        (CHATML.replace("assistant\n{% endif", "assistant\n<think>\n{% endif"), "<think>\n"),
        (_history("{{ '<think>\n' if loop.last }}{{ m.content }}"), ""),
    ],
    ids=["plain", "strips", "empty block", "trims", "spaces", "date", "opens", "last differs"],
)
def test_bridge_is_that_of_the_template_however_it_shows_earlier_attempts(template, opened):
    """By hand: end of turn, the request, and what stands before the first attempt too."""
    text = _worked_out(template)
    assert (text.opening, text.after) == (OPENING + opened, AFTER + OPENING + opened)
    assert text.end == "<|im_end|>\n"


@pytest.mark.parametrize(
    ("template", "answer"),
    [
        (CHATML, ""),
        (_history("<think>\n\n</think>\n\n{{ m.content }}"), "<think>\n\n</think>\n\n"),
        (_history(" {{ m.content }}"), " "),
        (CHATML.replace("assistant\n{% endif", "assistant\n<think>\n{% endif"), ""),
    ],
)
def test_text_before_an_answer_without_reasoning_is_that_of_a_last_attempt(template, answer):
    assert _worked_out(template).answer == answer


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (
            _history("{{ m.content }}{{ '!' if '<think>' in m.content }}"),
            "after different attempts: '<|",
        ),
        (_history("{{ m.content.split('<think>')[0] }}"), "leaves out an earlier attempt"),
        (_history("{{ m.content }}{{ m.content }}"), "shows an attempt 2 times"),
        (CHATML.replace("in messages", "in messages[:1]"), "leaves out an earlier attempt"),
        (
            CHATML.replace("in messages", "in messages[:2]"),
            "leaves out the request for a correction",
        ),
        (CHATML.replace("in messages", "in messages[-1:]"), "leaves out an earlier attempt"),
        ("{% for m in messages %}{{ m.content[0].text }}{% endfor %}", "leaves out the question"),
        ("{{ messages | length }}" + CHATML, "does not only append"),
        (
            CHATML.replace("assistant\n{%", "{{ messages | length }}{%"),
            "before the next; expected the",
        ),
        (
            CHATML.replace("<|im_end|>", "{{ '<|eot|>' if loop.index == 4 else '<|im_end|>' }}"),
            "of two",
        ),
    ],
)
def test_template_without_one_bridge_is_refused_with_the_cure(template, told):
    with pytest.raises(ValueError, match=r"Set prompts\.chat_template to") as error:
        _worked_out(template)
    assert told in str(error.value)


GPT_OSS = (
    "{% for m in messages %}<|start|>{{ m.role }}{{ '<|channel|>final' if m.role == 'assistant' }}"
    "<|message|>{{ m.content }}"
    "{% set last = loop.last and m.role == 'assistant' %}{{ '<|return|>' if last else '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)


def test_sampling_stops_at_the_token_that_ends_the_last_attempt_and_not_within_one():
    """Of gpt-oss <|end|> stands between the reasoning and the answer of one attempt."""
    tokenizer = stand_in_tokenizer(GPT_OSS + "<|call|>")
    tokenizer.chat_template = GPT_OSS
    bridge = Bridge.from_tokenizer(tokenizer, "recheck")
    returned, ended, called = tokenizer.convert_tokens_to_ids(["<|return|>", "<|end|>", "<|call|>"])
    assert (bridge.end, bridge.ids[0]) == (returned, ended)
    assert bridge.after([0, returned]) == bridge.after([0, ended]) == list(bridge.ids[1:])
    assert bridge.after([0]) == bridge.after([0, called]) == list(bridge.ids)


MISTRAL = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content | trim + eos_token }}{% endif %}{% endfor %}"
)


def test_ids_with_a_space_before_the_answer_are_those_of_the_whole_conversation():
    """Pieces of words as SentencePiece has them: the space belongs to the first word of an attempt."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = "[INST] [/INST] 6 times 7 is 42 sure no".split()
    vocabulary = {each: i for i, each in enumerate(["<unk>", *words, *(f"▁{w}" for w in words)])}
    pieces = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = MISTRAL
    bridge = Bridge.from_tokenizer(tokenizer, "sure")
    question = [{"role": "user", "content": "6 times 7"}]
    attempt = tokenizer.convert_tokens_to_ids(["▁is", "▁42", "</s>"])
    turns = [{"role": "assistant", "content": "is 42"}, {"role": "user", "content": "sure"}]
    ids = prompt_ids(tokenizer, question) + attempt + bridge.after(attempt)
    assert ids == prompt_ids(tokenizer, question + turns)
    assert tokenizer.convert_ids_to_tokens(ids)[5:] == [
        "▁[/INST]",
        "▁is",
        "▁42",
        "</s>",
        "[INST]",
        "▁sure",
        "▁[/INST]",
    ]
    assert _variables(tokenizer) == {}
