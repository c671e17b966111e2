"""Chat messages of the two turns, and the token ids between two attempts.

Turn 2 continues turn 1: its prompt is the ids of turn 1's prompt, the ids of attempt 1 exactly as
they were sampled, and a fixed run of ids, the bridge: end of attempt, correction message, start of
the next attempt. Attempts are never decoded and tokenised again. This needs a chat template that
only appends, which `Bridge` checks before any work starts.
"""

import difflib
import json
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from jinja2 import TemplateError, TemplateSyntaxError

from score.files.digests import digest
from score.sampling.plain_prompts import PlainBridge, plain_prompts_of
from score.sampling.prompt_settings import TEMPLATE_DATE, pinned_date

Messages = list[dict[str, str]]

# Attempts that a template may be tempted to rewrite: plain, with reasoning tags, with odd spaces.
_PROBES = ("42", "<think>\nhm\n</think>\n\n42", "  two  lines\n\n")


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
    path: str, cache_dir: str | None = None, template_date: str | None = TEMPLATE_DATE
):
    """The policy's tokenizer, padding on the left; pads with end-of-turn where it has no own token.

    template_date: the day that its chat template prints for today (`render`); None: the clock's.
    """
    from transformers import AutoTokenizer  # slow to import, not needed for messages

    tokenizer = AutoTokenizer.from_pretrained(path, cache_dir=cache_dir, padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.template_date = pinned_date(template_date)
    return tokenizer


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
            "Use an instruction-tuned policy, save its tokenizer with a chat_template.jinja, or set "
            "prompts.prompt_format: plain, as for base models."
        )
    system = [message["content"] for message in messages if message["role"] == "system"]
    try:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, **_dates(tokenizer), **kwargs
        )
        refusal = ""
    except Exception as error:  # of jinja, or whatever an expression in the template raises
        if (
            not system
            or not isinstance(error, TemplateError)
            or isinstance(error, TemplateSyntaxError)
        ):
            raise ValueError(_broken_template(error)) from error
        text, refusal = "", f" ({error})"
    if any(content.strip() not in text for content in system):
        raise ValueError(
            f"system_prompt is {system[0]!r}, but the chat template takes no system message{refusal}; "
            "expected one that shows it. Set system_prompt to null, and put its words into first_prompt."
        )
    return text


def _broken_template(error: Exception) -> str:
    line = f"line {error.lineno}: " if isinstance(error, TemplateSyntaxError) else ""
    return (
        f"the chat template can't be rendered ({line}{type(error).__name__}: {error}); expected one "
        "that shows a question, an attempt and the request for a correction. Mend chat_template.jinja "
        "beside the tokenizer, or take the policy's own."
    )


def _dates(tokenizer) -> dict:
    """What templates take today's date from: the one fixed by `load_tokenizer`, else the clock's."""
    day = getattr(tokenizer, "template_date", None)
    return {} if day is None else {"strftime_now": day.strftime, "date_string": f"{day:%d %b %Y}"}


def prompt_ids(tokenizer, messages: Messages) -> list[int]:
    """Token ids of a prompt that ends where the attempt begins."""
    if (plain := plain_prompts_of(tokenizer)) is not None:
        return plain.prompt_ids(messages)
    text = render(tokenizer, messages, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@dataclass(frozen=True)
class Bridge:
    """Token ids from the end of one attempt to the start of the next.

    ids: the run that follows an attempt without the template's end-of-turn token. end: that token,
    with which `ids` begins. An attempt that wrote it itself is followed by the rest. opening: the
    text that the template writes between a user message and the attempt at it.
    """

    ids: tuple[int, ...]
    end: int
    opening: str = ""

    @classmethod
    def from_tokenizer(
        cls, tokenizer, correction_prompt: str, system_prompt: str | None = None
    ) -> "Bridge | PlainBridge":
        """Work the bridge out from the chat template; ValueError where it rewrites history.

        system_prompt: where conversations begin with one, since some templates move it. With
        prompt_format plain it is that of the plain layout.
        """
        if (plain := plain_prompts_of(tokenizer)) is not None:
            return plain.bridge(correction_prompt)
        user = {"role": "user", "content": "What is 6 times 7?"}
        correction = {"role": "user", "content": correction_prompt}
        question = [*_system(system_prompt), user]
        asked = render(tokenizer, question, add_generation_prompt=True)
        runs = set()
        for probe in _PROBES:
            answered = [*question, {"role": "assistant", "content": probe}, correction]
            text = render(tokenizer, answered, add_generation_prompt=True)
            if not text.startswith(asked + probe):
                # Templates may strip the white space around a message: that alters the text of the
                # probe, never the ids we carry.
                if text.startswith(asked + probe.strip()):
                    probe = probe.strip()
                else:
                    raise ValueError(_rewritten(asked + probe, text))
            runs.add(text[len(asked + probe) :].lstrip())
        if len(runs) > 1:
            raise ValueError(
                "the chat template writes different text after different attempts: "
                f"{sorted(runs)!r}; expected one and the same. Use a template that only appends."
            )
        ids = tokenizer(runs.pop(), add_special_tokens=False)["input_ids"]
        special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
        if not ids or ids[0] not in special:
            raise ValueError(
                f"the chat template ends an attempt with {tokenizer.decode(ids[:1])!r}, which is not a "
                "special token; expected an end-of-turn token at which sampling stops. Mark it as "
                "special in the tokenizer."
            )
        return cls(tuple(ids), ids[0], asked.rpartition(user["content"])[2])

    def after(self, attempt: list[int]) -> list[int]:
        """The run that follows `attempt`, so that the template's end of turn always stands between.

        An attempt that ended in another stop token (a policy may declare several) keeps it, for that is
        what was sampled and is trained, and the template's own follows.
        """
        return list(self.ids[1:] if attempt[-1:] == [self.end] else self.ids)


def _rewritten(expected: str, text: str) -> str:
    difference = "\n".join(
        difflib.unified_diff(
            expected.splitlines(),
            text[: len(expected) + 80].splitlines(),
            "turn 1 as sampled",
            "turn 1 as the template shows it in turn 2",
            lineterm="",
        )
    )
    return (
        "the chat template does not only append: the prompt of turn 2 does not begin with turn 1.\n"
        f"{difference}\nUse a chat template that keeps earlier messages as they were (for templates "
        "that drop reasoning from history, save the tokenizer with a version that keeps it)."
    )


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
    return digest([[digest(ids) for ids in prompts], [bridge.ids for bridge in bridges]])
