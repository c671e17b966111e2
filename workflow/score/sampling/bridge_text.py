"""What a chat template writes between an attempt and the next one, worked out from renderings.

Nothing is re-rendered in a run: turn 2 is the ids of turn 1's prompt, attempt 1 as it was sampled, and
the bridge. So a template may show an earlier attempt as it likes (without its reasoning, behind an
empty block of it, trimmed, behind a space), as long as what it writes after any attempt is one and the
same text, and what it writes before the first is the prompt that turn 1 was sampled from.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass

Messages = list[dict[str, str]]

QUESTION = "What is 6 times 7?"
_FIRST, _SECOND = "Sentinel1First", "Sentinel2Second"  # attempts that no template writes by itself

# Attempts that a template may treat in ways of its own: plain, with reasoning that was opened in the
# attempt or by the template, with reasoning that was cut off, with white space around.
_PROBES = (
    "{}",
    "<think>\nhm\n</think>\n\n{}",
    "hm\n</think>\n\n{}",
    "<think>\n{}",
    "  two  lines\n{}\n\n",
)
_ANOTHER = (
    "Set prompts.chat_template to one that keeps the conversation, such as a template of TRL's in "
    "docs/chat_templates.md, or mend the policy's own."
)


@dataclass(frozen=True)
class BridgeText:
    """opening: from the end of a question to the attempt at it. after: from the end of an attempt to
    the next one. end: what follows an attempt with which the conversation ends; empty where the
    template writes nothing there. answer: what it writes between `opening` and an attempt without
    reasoning with which the conversation ends, such as an empty block of it, a header or a space.
    history: how an earlier attempt is shown without its reasoning, where it is.
    """

    opening: str
    after: str
    end: str
    answer: str
    history: "HistoryText | None" = None


@dataclass(frozen=True)
class HistoryText:
    """How a template shows an earlier attempt without its reasoning.

    before: from the end of the question to the answer. nothing: what stands there in place of both
    where an attempt has no answer. drops: the characters left out where the answer begins; None: all
    white space.
    """

    before: str
    nothing: str
    drops: str | None


def bridge_text(
    write: Callable[..., str], correction_prompt: str, system: Messages = ()
) -> BridgeText:
    """The texts around attempts by `write(messages, add_generation_prompt=…)`, the chat template.

    system: messages before the question. ValueError where what follows an attempt depends on it, or
    where the prompt of turn 2 leaves out, repeats, moves or changes the conversation before.
    """
    question = [*system, user(QUESTION)]
    asked = write(question, add_generation_prompt=True)
    before, found, opening = asked.rpartition(QUESTION)
    _check_shown(bool(found), "the question", asked)
    correction, texts = correction_prompt.strip(), {}
    for probe in _PROBES:
        attempt = probe.format(_FIRST)
        answered = [*question, assistant(attempt), user(correction_prompt)]
        text = write(answered, add_generation_prompt=True)
        shown, _, after = _parted(text, _FIRST)
        if not shown.startswith(before + QUESTION):
            raise ValueError(_rewritten(before + QUESTION, text, bool(system)))
        _check_shown(correction in after, "the request for a correction", text)
        texts.setdefault(after.lstrip(), attempt)
    if len(texts) > 1:
        told = "; ".join(f"{after!r} after {attempt!r}" for after, attempt in texts.items())
        raise ValueError(
            f"the chat template writes different text after different attempts: {told}; expected one "
            f"and the same. {_ANOTHER}"
        )
    (after,) = texts
    closing, _, next_opening = after.rpartition(correction)
    if next_opening.lstrip() != opening.lstrip():
        raise ValueError(
            f"the chat template writes {opening!r} before the first attempt and {next_opening!r} before "
            f"the next; expected the same. {_ANOTHER}"
        )
    _check_third_turn(write, question, correction_prompt, after, closing + correction)
    answered = write([*question, assistant(_FIRST)], add_generation_prompt=False)
    shown, _, end = _parted(answered, _FIRST)
    answer = shown.removeprefix(asked) if shown.startswith(asked) else ""
    return BridgeText(opening, after, end.lstrip(), answer)


def _check_third_turn(
    write: Callable[..., str], question: Messages, correction_prompt: str, after: str, bridge: str
) -> None:
    """What stands after the second attempt, and still after the first, is what stood after the first."""
    correction = user(correction_prompt)
    turns = [assistant(_FIRST), correction, assistant(_SECOND), correction]
    text = write([*question, *turns], add_generation_prompt=True)
    between, _, last = _parted(_parted(text, _FIRST)[2], _SECOND)
    if last.lstrip() != after or not between.lstrip().startswith(bridge):
        raise ValueError(
            f"the chat template writes {between!r} and {last!r} after the first and the second of two "
            f"attempts, and {after!r} after a single one; expected the same. {_ANOTHER}"
        )


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def _parted(text: str, attempt: str) -> tuple[str, str, str]:
    _check_shown(attempt in text, "an earlier attempt", text)
    if text.count(attempt) > 1:
        raise ValueError(
            f"the chat template shows an attempt {text.count(attempt)} times; expected once. {_ANOTHER}"
        )
    return text.partition(attempt)


def _check_shown(shown: bool, what: str, text: str) -> None:
    if not shown:
        raise ValueError(
            f"the chat template leaves out {what}: it writes {text[-200:]!r}; expected all messages, "
            "each of which is a text (templates for images and text take lists instead). "
            + _ANOTHER
        )


def _rewritten(expected: str, text: str, with_system: bool) -> str:
    difference = "\n".join(
        difflib.unified_diff(
            expected.splitlines(),
            text[: len(expected) + 80].splitlines(),
            "question of turn 1 as asked",
            "question of turn 1 as the template shows it in turn 2",
            lineterm="",
        )
    )
    cure = (
        "Set system_prompt to null, and put its words into first_prompt"
        if with_system
        else _ANOTHER
    )
    return (
        "the chat template does not only append: the prompt of turn 2 does not begin with that of turn "
        f"1.\n{difference}\n{cure.rstrip('.')}."
    )
