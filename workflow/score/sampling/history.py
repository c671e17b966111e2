"""Earlier attempts without their reasoning (`prompts.history_thinking: strip`).

Chat templates of reasoning models leave the reasoning of earlier attempts out, so that is what such a
policy was made for and how it is served. Turn 2 then does not continue the ids of turn 1, and is a
sequence of its own:

    [prompt of turn 1, up to the end of the question]
    [what the template writes before an earlier attempt's answer]
    [the answer: the ids of attempt 1 behind its reasoning, as they were sampled]
    [bridge] [attempt 2]

Nothing that the policy wrote is tokenised again, but for one token: that which holds the end of the
closing tag (or white space that the template drops) and the start of the answer too is replaced by the
ids of its rest. An attempt whose block never closed, or with nothing behind it, has no answer: it is
shown as the template shows a message that holds reasoning alone.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from score.sampling.bridge_text import QUESTION, BridgeText, HistoryText, Messages, assistant, user
from score.sampling.plain_prompts import inner_ids
from score.verifiers.reasoning import answer_start

HISTORIES = ("keep", "strip")
_REASON, _ANSWER = "Sentinel3Reason", "Sentinel4Answer"
_SPACES = ("", "\n\n", " ", " \n")  # between the closing tag and the answer
_DROPS = ("", "\n", None)  # what templates leave out of them
_LONGEST_TOKEN = 64  # ids that the rest of one token may become
_KEEP = "Set prompts.history_thinking: keep"


def check_history(history_thinking: str, tags: Sequence[str] | None) -> None:
    """ValueError for an unknown value, and for strip without tags that tell what reasoning is."""
    if history_thinking not in HISTORIES:
        raise ValueError(
            f"history_thinking is {history_thinking!r}; expected one of {', '.join(HISTORIES)}. Choose "
            "one."
        )
    if history_thinking == "strip" and tags is None:
        raise ValueError(
            "history_thinking is 'strip' with verifier.reasoning_tags null; expected tags that tell "
            "where reasoning ends. Write them, as in [<think>, </think>], or set history_thinking: keep."
        )


def set_history(tokenizer, history_thinking: str, tags: Sequence[str] | None) -> None:
    """Have bridges of this tokenizer show earlier attempts with or without their reasoning."""
    check_history(history_thinking, tags)
    tokenizer.stripped_tags = tuple(tags) if history_thinking == "strip" else None


def stripped_tags(tokenizer) -> tuple[str, str] | None:
    """The tags of the reasoning that bridges leave out; None where they show attempts as sampled."""
    return getattr(tokenizer, "stripped_tags", None)


def history_text(
    write: Callable[..., str],
    correction_prompt: str,
    system: Messages,
    bridge: BridgeText,
    tags: tuple[str, str],
    template: str,
) -> HistoryText:
    """How `write(messages, add_generation_prompt=…)` shows an earlier attempt without its reasoning.

    What it does to reasoning within the content of a message is taken first, then what it does to
    `reasoning_content` beside it. A template that knows reasoning and takes it out of neither is shown
    the answer alone, as clients of a server get it. bridge: without history. template: its text.
    ValueError where it keeps reasoning, has none, or shows it differently from case to case.
    """
    question = [*system, user(QUESTION)]
    asked = write(question, add_generation_prompt=True)
    start = asked.rpartition(QUESTION)[0] + QUESTION
    correction = user(correction_prompt)

    def shown(message: dict[str, str]) -> str:
        text = write([*question, message, correction], add_generation_prompt=True)
        if not (text.startswith(start) and text.endswith(bridge.after)):
            raise ValueError(_irregular(text[len(start) :]))
        return text[len(start) : len(text) - len(bridge.after)]

    message = _form(write, question, shown, tags, template)
    texts = {space: shown(message(f"{space}{_ANSWER}")).partition(_ANSWER) for space in _SPACES}
    for drops in _DROPS:
        before = texts[""][0]
        expected = {space: before + space.lstrip(drops) for space in _SPACES}
        if all(texts[space][0] == expected[space] for space in _SPACES):
            break
    else:
        raise ValueError(_irregular(" and ".join(repr("".join(each)) for each in texts.values())))
    found = HistoryText(before, shown(message("")), drops)
    turns = [message(_ANSWER), correction] * 2
    text = write([*question, *turns], add_generation_prompt=True)
    between = bridge.after.removesuffix(bridge.opening)
    expected = f"{start}{before}{_ANSWER}{between}{before}{_ANSWER}{bridge.after}"
    # But for white space, which a template may write behind an attempt and bridges leave out.
    if "".join(text.split()) != "".join(expected.split()) or _REASON in found.nothing:
        raise ValueError(_irregular(text[len(start) :]))
    return found


def _form(write: Callable, question: Messages, shown: Callable, tags, template: str) -> Callable:
    """A function from an answer to the message, reasoning and all, that the template strips."""
    opens, ends = tags

    def inline(answer: str) -> dict[str, str]:
        return assistant(f"{opens}\n{_REASON}\n{ends}{answer}")

    def beside(answer: str) -> dict[str, str]:
        return {**assistant(answer), "reasoning_content": _REASON}

    if _REASON not in shown(inline(f"\n\n{_ANSWER}")):
        return inline
    last = write([*question, beside(_ANSWER)], add_generation_prompt=False)
    if _REASON in shown(beside(_ANSWER)):
        raise ValueError(
            "history_thinking is 'strip', but the chat template keeps the reasoning of attempts before; "
            f"expected one that leaves it out. {_KEEP}, or the template's variable for it, such "
            "as chat_template_kwargs: {preserve_thinking: false}."
        )
    if _REASON in last:
        return beside
    if opens in template or ends in template:
        return assistant
    raise ValueError(
        f"history_thinking is 'strip', but the chat template knows no reasoning in {opens} … {ends}; "
        f"expected one that leaves it out of earlier attempts. {_KEEP}, correct reasoning_tags, "
        "or set prompts.chat_template to the template of a reasoning model."
    )


def _irregular(text: str) -> str:
    return (
        f"history_thinking is 'strip', but the chat template shows earlier attempts as {text[:200]!r}; "
        "expected one text before every answer and the bridge after it. "
        f"{_KEEP}, or prompts.chat_template to another."
    )


@dataclass(frozen=True)
class StrippedHistory:
    """`HistoryText` as token ids, and the answers of attempts.

    opening: ids that every context ends with, which `before` and `nothing` take the place of.
    opens: the opening as text, which may have opened a block.
    """

    tokenizer: object = field(repr=False)
    tags: tuple[str, str]
    opens: str
    opening: tuple[int, ...]
    before: tuple[int, ...]
    nothing: tuple[int, ...]
    drops: str | None

    @classmethod
    def from_text(cls, tokenizer, text: BridgeText) -> "StrippedHistory":
        """The ids of `text`, whose history is given; ValueError where no context ends as it should."""
        shown = text.history
        parts = [
            tuple(inner_ids(tokenizer, s)) for s in (text.opening, shown.before, shown.nothing)
        ]
        history = cls(tokenizer, stripped_tags(tokenizer), text.opening, *parts, shown.drops)
        history._without_opening(inner_ids(tokenizer, QUESTION + text.opening))
        return history

    def shown(self, context: list[int], attempt: list[int]) -> tuple[list[int], list[int]]:
        """What stands in place of `context` and `attempt` in later turns: ids before the answer, and
        the answer's own, with what ended the attempt; no ids where it has no answer."""
        answer = self.answer(attempt)
        return [*self._without_opening(context), *(self.before if answer else self.nothing)], answer

    def answer(self, attempt: list[int]) -> list[int]:
        """The ids of an attempt behind its reasoning, which they end with; empty without an answer."""
        text = self._text(attempt)
        start = answer_start(text, self.tags, self.opens)
        if start is None:
            return []
        if start:
            start = len(text) - len(text[start:].lstrip(self.drops))
        if not text[start:].strip():
            return []
        if not start:
            return list(attempt)
        # The shortest run of ids whose text reaches the answer, or goes into it by a part of a token.
        count = bisect_left(
            range(len(attempt) + 1),
            True,
            key=lambda n: self._text(attempt[:n])[:start] == text[:start],
        )
        while (rest := self._text(attempt[:count])[start:]) and not text[start:].startswith(rest):
            count += 1  # the token ends within a character
        return [*(inner_ids(self.tokenizer, rest) if rest else ()), *attempt[count:]]

    def longer(self) -> int:
        """At most by how many ids an attempt and what is before it are longer here than as sampled."""
        before = max(len(self.before), len(self.nothing)) - len(self.opening)
        return max(0, before) + _LONGEST_TOKEN

    def summary(self) -> list:
        """What shown histories depend on besides the attempts, for digests."""
        return [self.tags, self.opening, self.before, self.nothing, self.drops]

    def _text(self, ids: list[int]) -> str:
        return self.tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )

    def _without_opening(self, context: list[int]) -> list[int]:
        count = len(context) - len(self.opening)
        if tuple(context[count:]) != self.opening:
            end = self.tokenizer.decode(context[-20:])
            raise ValueError(
                f"history_thinking is 'strip', but a prompt that ends with {end!r} does not end with "
                f"the token ids of {self.opens!r}; expected a tokenizer that splits text there. {_KEEP}."
            )
        return context[:count]
