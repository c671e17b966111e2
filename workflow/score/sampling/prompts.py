"""Chat messages of the two turns, and the token ids between two attempts.

Turn 2 continues turn 1: its prompt is the ids of turn 1's prompt, the ids of attempt 1 exactly as
they were sampled, and a fixed run of ids, the bridge: end of attempt, correction message, start of
the next attempt. Attempts are never decoded and tokenised again. This needs a chat template that
writes the same after any attempt, which `bridge_text` checks before any work starts.
"""

import json
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType

from jinja2 import TemplateError, TemplateSyntaxError

from score.files.digests import digest
from score.sampling.bridge_text import BridgeText, Messages, bridge_text
from score.sampling.chat_template import template_text
from score.sampling.history import StrippedHistory, history_text, set_history, stripped_tags
from score.sampling.plain_prompts import PlainBridge, in_format, plain_prompts_of
from score.sampling.prompt_settings import TEMPLATE_DATE, PromptSettings, pinned_date


def read_few_shot(directory: str | None, task_type: str) -> Messages:
    """The worked examples of a task: `{task}_initial.json`, then `{task}_correction.json`.

    Each file is a list of chat messages. Those of a correction file show both attempts, with the
    correction message between them. Both come before the problem, in both turns, since turn 2 must
    continue turn 1. An empty list when `directory` is None; a file may be absent, not both.
    """
    if directory is None:
        return []
    name = Path(task_type).stem
    paths = [Path(directory) / f"{name}_{turn}.json" for turn in ("initial", "correction")]
    found = [path for path in paths if path.is_file()]
    if not found:
        raise ValueError(
            f"few_shot_dir is {directory!r}, which has neither {paths[0].name} nor {paths[1].name}; "
            "expected at least one of them. Write it, or set few_shot_dir to null."
        )
    return [message for path in found for message in read_messages(path)]


def read_messages(path: Path) -> Messages:
    """Chat messages of one few-shot file; ValueError where it is anything else."""
    cure = "Mend the file, or set few_shot_dir to null."
    try:
        messages = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise ValueError(f"few-shot file {path} is not JSON ({reason}). {cure}") from None
    shape = 'a list of {"role": "user" | "assistant", "content": "…"}, taking turns, assistant last'
    if not isinstance(messages, list) or len(messages) % 2:
        found = (
            f"{len(messages)} messages" if isinstance(messages, list) else type(messages).__name__
        )
        raise ValueError(f"few-shot file {path} holds {found}; expected {shape}. {cure}")
    for i, message in enumerate(messages):
        role = ("user", "assistant")[i % 2]
        if (
            not isinstance(message, dict)
            or message.get("role") != role
            or not isinstance(message.get("content"), str)
        ):
            raise ValueError(
                f"few-shot file {path}, message {i + 1} is {reprlib.repr(message)}; expected role "
                f"{role!r} and a text: {shape}. {cure}"
            )
    return messages


def first_messages(question: str, task: ModuleType, few_shot: Messages) -> Messages:
    """The conversation that asks for attempt 1: system message, worked examples, the question."""
    content = task.FIRST_PROMPT.replace("{question}", question)
    return [*_system(system_prompt_of(task)), *few_shot, {"role": "user", "content": content}]


def system_prompt_of(task: ModuleType) -> str | None:
    return getattr(task, "SYSTEM_PROMPT", None)


def _system(text: str | None) -> Messages:
    return [] if text is None else [{"role": "system", "content": text}]


def correction_prompts(task: ModuleType, prompting: str) -> tuple[str, ...]:
    """User messages that lead from one attempt to the next.

    With prompting "correction" one, the same for right and wrong attempts. With "self_refine" two:
    one asks for a critique of the attempt, and one after that critique for the next attempt.
    ValueError where the task has no such messages.
    """
    if prompting == "correction":
        return (task.CORRECTION_PROMPT,)
    names = ("CRITIQUE_PROMPT", "REFINE_PROMPT")
    missing = [name for name in names if not hasattr(task, name)]
    if missing:
        raise ValueError(
            f"prompting is {prompting!r}, but task {task.__name__.rpartition('.')[2]} defines no "
            f"{' and no '.join(missing)}; expected both. Add them to the task, or set prompting: "
            "correction."
        )
    return tuple(getattr(task, name) for name in names)


def load_tokenizer(
    path: str,
    cache_dir: str | None = None,
    template_date: str | None = TEMPLATE_DATE,
    chat_template: str | None = None,
    chat_template_kwargs: Mapping | None = None,
    trust_remote_code: bool = False,
):
    """The policy's tokenizer, padding on the left; pads with end-of-turn where it has no own token.

    template_date: the day that its chat template prints for today (`render`); None: the clock's.
    chat_template: see `template_text`; None: its own. chat_template_kwargs: variables of the template.
    trust_remote_code: whether code that comes with the tokenizer may run.
    """
    from transformers import AutoTokenizer  # slow to import, not needed for messages

    tokenizer = AutoTokenizer.from_pretrained(
        path, cache_dir=cache_dir, padding_side="left", trust_remote_code=trust_remote_code
    )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.template_date = pinned_date(template_date)
    set_template(tokenizer, chat_template, chat_template_kwargs or {})
    return tokenizer


def set_template(tokenizer, chat_template: str | None, variables: Mapping) -> None:
    """Have the tokenizer's prompts rendered by this template, None: its own, with these variables."""
    if chat_template is not None:
        tokenizer.chat_template = template_text(chat_template)
    tokenizer.template_variables = dict(variables)


def asking_tokenizer(path: str, settings: PromptSettings):
    """The tokenizer of a policy as the settings of a job ask it, which also say how it is loaded."""
    tokenizer = load_tokenizer(
        path,
        settings.cache_dir,
        settings.template_date,
        settings.chat_template,
        settings.chat_template_kwargs,
        trust_remote_code=settings.trust_remote_code,
    )
    set_history(tokenizer, settings.history_thinking, settings.reasoning_tags)
    return in_format(tokenizer, settings)


def check_tags_are_text(tokenizer, tags: list[str] | None) -> None:
    """ValueError where attempts as text would lack the reasoning tags, as they lack special tokens."""
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    hidden = sorted(special.intersection(tags or ()))
    if hidden:
        raise ValueError(
            f"reasoning_tags holds {', '.join(hidden)}, which the tokenizer marks as special; expected "
            "tags that are kept when an attempt is decoded. Set special to false for them in the "
            "tokenizer, or reasoning_tags to null where the policy writes no reasoning."
        )


def render(tokenizer, messages: Messages, **kwargs) -> str:
    """The conversation as the chat template writes it; ValueError where it can't show all of it."""
    if not tokenizer.chat_template:
        raise ValueError(
            "the tokenizer has no chat template; expected one, since both turns are chat messages. "
            "Use an instruction-tuned policy, set prompts.chat_template, or set prompts.prompt_format: "
            "plain, as for base models."
        )
    system = [message["content"] for message in messages if message["role"] == "system"]
    try:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, **_variables(tokenizer), **kwargs
        )
        refusal = ""
    except Exception as error:  # of jinja, or whatever an expression in the template raises
        if (
            not system
            or not isinstance(error, TemplateError)
            or isinstance(error, TemplateSyntaxError)
        ):
            raise ValueError(_broken_template(error, tokenizer)) from error
        render(tokenizer, [m for m in messages if m["role"] != "system"], **kwargs)
        text, refusal = "", f" ({error})"
    if any(content.strip() not in text for content in system):
        raise ValueError(
            f"system_prompt is {system[0]!r}, but the chat template takes no system message{refusal}; "
            "expected one that shows it. Set system_prompt to null, and put its words into first_prompt."
        )
    return text


def _broken_template(error: Exception, tokenizer) -> str:
    variables = getattr(tokenizer, "template_variables", {})
    given = f"Correct prompts.chat_template_kwargs, {variables}; or " if variables else ""
    line = f"line {error.lineno}: " if isinstance(error, TemplateSyntaxError) else ""
    return (
        f"the chat template can't be rendered ({line}{type(error).__name__}: {error}); expected one "
        f"that shows a question, an attempt and the request for a correction. {given}"
        f"{'mend' if given else 'Mend'} chat_template.jinja beside the tokenizer, or set "
        "prompts.chat_template to another."
    )


def _variables(tokenizer) -> dict:
    """The template's variables by `load_tokenizer`, and today's date: the one fixed, or the clock's."""
    day = getattr(tokenizer, "template_date", None)
    dates = {} if day is None else {"strftime_now": day.strftime, "date_string": f"{day:%d %b %Y}"}
    return {**getattr(tokenizer, "template_variables", {}), **dates}


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
