"""Conversations as plain text, for base models, which know no chat template (`prompt_format: plain`).

The layout is that of few-shot prompts for base models: every message of a user is a question, every
attempt an answer, a system message stands alone, and blank lines stand between them:

    {system message}

    Question: {question of a worked example}

    Answer: {its answer}

    Question: {the problem}

    Answer:{attempt 1}

    Question: {correction message}

    Answer:{attempt 2}

An attempt begins with the space behind "Answer:". It ends at a stop string, which is the start of the
next question unless the config names others, or at the policy's end-of-text token. What the bridge
adds depends on that alone: behind a stop string with which "\\n\\nQuestion:", "\\nQuestion:" or
"Question:" begins, the rest of it and the message; in all other cases, a cut-off attempt and one that
ended with end-of-text among them, "\\n\\nQuestion:" and the message. What the last token holds behind
the stop string stays where it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from score.sampling.prompt_settings import PROMPTS, PromptSettings
from score.sampling.stop_strings import StopStrings

FORMATS = ("chat", "plain")
NEXT_QUESTION = "\n\nQuestion:"
_OWN = ("prompt_format", "stop_strings", "reasoning_tags")
_SHOWN = {"system": "{}", "user": "Question: {}", "assistant": "Answer: {}"}
# Texts to tokenise another behind: one of them ends where a token ends, whatever follows.
_ANCHORS = (":", "42", " so")


def check_prompt_format(prompts: Mapping) -> None:
    """ValueError where settings of the section `prompts`, by name, don't go together."""
    chosen, stops = prompts["prompt_format"], prompts["stop_strings"]
    if chosen not in FORMATS:
        raise ValueError(
            f"prompt_format is {chosen!r}; expected one of {', '.join(FORMATS)}. Choose one."
        )
    if chosen == "chat":
        if stops is not None:
            raise ValueError(
                f"stop_strings is {stops!r} with prompt_format chat; expected null, since the chat "
                "template's end-of-turn token ends an attempt. Set it to null, or prompt_format: plain."
            )
        return
    if stops is not None:
        _check_stop_strings(stops)
    for name, default in vars(PromptSettings()).items():
        if name not in (*PROMPTS, *_OWN) and prompts.get(name, default) != default:
            raise ValueError(
                f"{name} is {prompts[name]!r} with prompt_format plain; expected its default "
                f"{default!r}, since chat templates alone read it. Leave it out, or set prompt_format: "
                "chat."
            )


def _check_stop_strings(stops: list) -> None:
    if not stops or not all(isinstance(stop, str) and stop.strip(" ") for stop in stops):
        raise ValueError(
            f"stop_strings is {stops!r}; expected at least one text, and none that is empty or spaces "
            "alone, which would end every attempt where it begins. Name where attempts end, or null "
            f"for {NEXT_QUESTION!r}."
        )


def in_format(tokenizer, settings: PromptSettings | Mapping):
    """The tokenizer, told by `settings` in what format prompts are written with it.

    ValueError where the settings don't go together, or plain text is not to be had from it.
    """
    told = settings if isinstance(settings, Mapping) else vars(settings)
    check_prompt_format(told)
    if told["prompt_format"] == "plain":
        stops = told["stop_strings"] or [NEXT_QUESTION]
        tokenizer.plain_prompts = PlainPrompts(tokenizer, stops)
    return tokenizer


def plain_prompts_of(tokenizer) -> "PlainPrompts | None":
    """How `in_format` has this tokenizer write plain text; None with chat templates."""
    return getattr(tokenizer, "plain_prompts", None)


@dataclass(frozen=True)
class PlainBridge:
    """Token ids from the end of one attempt to the start of the next; takes the place of a Bridge.

    ids: the run behind an attempt without a stop string. behind: that behind each stop string. No
    token ends an attempt in this layout, so `end` is None.
    """

    ids: tuple[int, ...]
    behind: dict[str, tuple[int, ...]]
    stops: StopStrings = field(repr=False)
    end: None = None
    opening: str = ""
    history: None = None

    def after(self, attempt: list[int]) -> list[int]:
        """The run that follows `attempt`, which keeps the token that ended it."""
        return list(self.behind.get(self.stops.that_ended(attempt), self.ids))

    def next_context(self, context: list[int], attempt: list[int]) -> list[int]:
        """The ids on which the next attempt is sampled, where this one was sampled on `context`."""
        return context + attempt + self.after(attempt)


class PlainPrompts:
    """The layout above, as token ids of one tokenizer. ValueError where that can't write it."""

    def __init__(self, tokenizer, stop_strings: list[str]):
        self.tokenizer, self.stops = tokenizer, StopStrings(tokenizer, stop_strings)
        layout = f"{NEXT_QUESTION} a{NEXT_QUESTION} b"
        shown = tokenizer.decode(self._inner_ids(layout))
        if shown != layout:
            raise ValueError(
                f"prompt_format is 'plain', but the tokenizer shows {layout!r} as {shown!r}; expected "
                "the same text. Take a policy whose tokenizer keeps line breaks, or set prompt_format: "
                "chat."
            )
        if tokenizer.pad_token_id is None:
            raise ValueError(
                "the tokenizer has neither a padding nor an end-of-text token; expected one of them. "
                "Add eos_token to its tokenizer_config.json."
            )

    def text(self, messages: list[dict[str, str]]) -> str:
        """A conversation that ends where the attempt begins.

        ValueError where a worked example's answer holds a stop string, at which an attempt like it
        would end.
        """
        for message in messages:
            if message["role"] == "assistant" and (found := self.stops.found(_answer(message))):
                raise ValueError(
                    f"stop_strings holds {found[1]!r}, which the few-shot answer "
                    f"{message['content'][:60]!r} holds too; expected stop strings that no worked "
                    "example holds, since attempts like it would be cut there. Change stop_strings "
                    "or the example."
                )
        shown = [_SHOWN[m["role"]].format(m["content"].strip()) for m in messages]
        return "\n\n".join([*shown, "Answer:"])

    def prompt_ids(self, messages: list[dict[str, str]]) -> list[int]:
        """Token ids of `text`, behind the begin-of-text token where the tokenizer puts one."""
        begin = self.tokenizer.bos_token_id
        begins = begin is not None and self.tokenizer("a")["input_ids"][:1] == [begin]
        return [begin] * begins + self._ids(self.text(messages))

    def attempt_ids(self, text: str) -> list[int]:
        """Token ids of a given text as an attempt, with the first of the stop strings at its end.

        ValueError where the text holds a stop string itself.
        """
        ids = self._inner_ids(f" {text}{self.stops.strings[0]}")
        if self.stops.found(text) is not None or self.stops.end(ids) != len(ids):
            held = self.stops.that_ended(ids)
            raise ValueError(
                f"holds the stop string {held!r}; expected the text alone, since a stop string is added "
                "here. Remove it."
            )
        return ids

    def bridge(self, message: str) -> PlainBridge:
        """From one attempt to the next, with `message` between them."""
        asked = f" {message.strip()}\n\nAnswer:"
        lacking = {stop: _lacking_behind(stop) for stop in self.stops.strings}
        behind = {stop: tuple(self._inner_ids(rest + asked)) for stop, rest in lacking.items()}
        return PlainBridge(tuple(self._inner_ids(NEXT_QUESTION + asked)), behind, self.stops)

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _inner_ids(self, text: str) -> list[int]:
        return inner_ids(self.tokenizer, text)


def inner_ids(tokenizer, text: str) -> list[int]:
    """Ids of a text that others come before: none of what a tokenizer puts before a first word."""
    for anchor in _ANCHORS:
        before, both = (
            tokenizer(each, add_special_tokens=False)["input_ids"]
            for each in (anchor, anchor + text)
        )
        if both[: len(before)] == before:
            return both[len(before) :]
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _lacking_behind(stop: str) -> str:
    """What a text that ends in a stop string lacks until the next question's text begins."""
    for begun in (NEXT_QUESTION, NEXT_QUESTION[1:], NEXT_QUESTION[2:]):
        if begun.startswith(stop):
            return begun.removeprefix(stop)
    return NEXT_QUESTION


def _answer(message: dict[str, str]) -> str:
    return f" {message['content'].strip()}"
