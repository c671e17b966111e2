"""Chat messages of the two turns, and the token ids between two attempts.

Turn 2 continues turn 1: its prompt is the ids of turn 1's prompt, the ids of attempt 1 exactly as
they were sampled, and a fixed run of ids, the bridge: end of attempt, correction message, start of
the next attempt. Attempts are never decoded and tokenised again. This needs a chat template that
writes the same after any attempt, which `bridge_text` checks before any work starts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from types import ModuleType, SimpleNamespace

from score.files.digests import digest
from score.sampling.bridge_text import BridgeText, Messages, bridge_text
from score.sampling.history import StrippedHistory, history_text, stripped_tags
from score.sampling.plain_prompts import PlainBridge, plain_prompts_of
from score.sampling.prompt_settings import BETWEEN
from score.sampling.render import render


def first_messages(
    question: str, task: ModuleType | SimpleNamespace, few_shot: Messages
) -> Messages:
    """The conversation that asks for attempt 1: system message, worked examples, the question."""
    content = task.FIRST_PROMPT.replace("{question}", question)
    return [*_system(system_prompt_of(task)), *few_shot, {"role": "user", "content": content}]


def system_prompt_of(task: ModuleType | SimpleNamespace) -> str | None:
    return getattr(task, "SYSTEM_PROMPT", None)


def _system(text: str | None) -> Messages:
    return [] if text is None else [{"role": "system", "content": text}]


def correction_prompts(task: ModuleType, prompting: str) -> tuple[str, ...]:
    """User messages that lead from one attempt to the next.

    With prompting "correction" one, the same for right and wrong attempts. With "self_refine" two:
    one asks for a critique of the attempt, and one after that critique for the next attempt. With
    "pag" two: one asks for a verdict on the attempt, and one after a verdict that it is wrong for the
    next attempt. ValueError where the task has no such messages.
    """
    names = [name.upper() for name in BETWEEN[prompting]]
    missing = [name for name in names if not hasattr(task, name)]
    if missing:
        raise ValueError(
            f"prompting is {prompting!r}, but task {task.__name__.rpartition('.')[2]} defines no "
            f"{' and no '.join(missing)}; expected both. Add them to the task, or set prompting: "
            "correction."
        )
    return tuple(getattr(task, name) for name in names)


def prompt_ids(tokenizer, messages: Messages) -> list[int]:
    """Token ids of a prompt that ends where the attempt begins."""
    if (plain := plain_prompts_of(tokenizer)) is not None:
        return plain.prompt_ids(messages)
    text = render(tokenizer, messages, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def work_out_text(tokenizer, correction_prompt: str, system_prompt: str | None) -> BridgeText:
    """`bridge_text` by the tokenizer's chat template, which alone is run here."""
    system = _system(system_prompt)
    text = bridge_text(partial(render, tokenizer), correction_prompt, system)
    if (tags := stripped_tags(tokenizer)) is not None:
        write, template = partial(render, tokenizer), tokenizer.get_chat_template()
        history = history_text(write, correction_prompt, system, text, tags, template)
        text = replace(text, history=history)
    return text


@dataclass(frozen=True)
class Bridge:
    """Token ids from the end of one attempt to the start of the next.

    ids: the run that follows an attempt which no stop token ends; it begins with the token by which the
    template ends an attempt that others follow. end: the token by which it ends the last one, at which
    sampling stops; nearly always the same (of gpt-oss <|end|> and <|return|>). opening: the text that
    the template writes between a user message and the attempt at it. answer: what it writes between
    that and an attempt without reasoning; sampled attempts begin as the policy has them begin.
    history: how earlier attempts are shown without their reasoning; None: as they were sampled.
    """

    ids: tuple[int, ...]
    end: int
    opening: str = ""
    answer: str = ""
    history: StrippedHistory | None = field(default=None, repr=False)

    @classmethod
    def from_tokenizer(
        cls, tokenizer, correction_prompt: str, system_prompt: str | None = None
    ) -> "Bridge | PlainBridge":
        """Work the bridge out from the chat template; ValueError where there is no one bridge.

        system_prompt: where conversations begin with one, since some templates move it. With
        prompt_format plain it is that of the plain layout.
        """
        if (plain := plain_prompts_of(tokenizer)) is not None:
            return plain.bridge(correction_prompt)
        text = work_out_text(tokenizer, correction_prompt, system_prompt)
        ids = tokenizer(text.after, add_special_tokens=False)["input_ids"]
        begins, ends = (_special_start(tokenizer, each) for each in (text.after, text.end))
        if begins is None:
            raise ValueError(
                f"the chat template ends an attempt with {text.after[:20]!r}, which begins with no "
                "special token of the tokenizer; expected an end-of-turn token at which sampling stops. "
                "Mark it as special, or set prompts.chat_template to one with the tokenizer's tokens."
            )
        end = begins if ends is None else ends
        shown = None if text.history is None else StrippedHistory.from_text(tokenizer, text)
        return cls(tuple(ids), end, text.opening, text.answer, shown)

    def after(self, attempt: list[int]) -> list[int]:
        """The run that follows `attempt`, so that an end of turn of the template's stands between.

        An attempt that ended in another stop token (a policy may declare several) keeps it, for that is
        what was sampled and is trained, and the template's own follows.
        """
        ended = attempt[-1:] in ([self.end], [self.ids[0]])
        return list(self.ids[1:] if ended else self.ids)

    def next_context(self, context: list[int], attempt: list[int]) -> list[int]:
        """The ids on which the next attempt is sampled, where this one was sampled on `context`."""
        if self.history is None:
            return context + attempt + self.after(attempt)
        before, answer = self.history.shown(context, attempt)
        return before + answer + self.after(answer)


def _special_start(tokenizer, text: str) -> int | None:
    """The special token with which the text begins, if one does; <unk> in place of another is none."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    token = tokenizer.added_tokens_decoder.get(ids[0]) if ids else None
    return ids[0] if token and token.special and text.startswith(token.content) else None


class RenderedPrompts:
    """`prompt_ids` of conversations, each rendered once, so that no prompt changes during a training."""

    def __init__(self, tokenizer, conversations: Iterable[Messages]):
        self.tokenizer = tokenizer
        self.ids: dict[str, list[int]] = {}
        for messages in conversations:
            self(messages)

    def __call__(self, messages: Messages) -> list[int]:
        key = digest(messages)
        if key not in self.ids:
            self.ids[key] = prompt_ids(self.tokenizer, messages)
        return list(self.ids[key])


def prompts_digest(prompts: Iterable[list[int]], bridges: Iterable[Bridge]) -> str:
    """SHA-256 of all that is put before attempts, as token ids: prompts in order, and bridges."""
    between = [(bridge.ids, bridge.end) for bridge in bridges]
    shown = [bridge.history.summary() for bridge in bridges if bridge.history is not None]
    return digest([[digest(ids) for ids in prompts], between, *shown])
