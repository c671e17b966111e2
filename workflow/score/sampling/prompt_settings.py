"""What is said to a policy: settings that those of every job with prompts extend."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import ModuleType, SimpleNamespace

from score.files.settings import Settings
from score.tasks import load_task
from score.verifiers.reasoning import TAGS

TEMPLATE_DATE = "2024-07-26"  # what Llama's templates print where nobody tells them a date
# By the name of a way to lead from one attempt to the next, the messages that do so.
BETWEEN = {
    "correction": ("correction_prompt",),
    "self_refine": ("critique_prompt", "refine_prompt"),
    "pag": ("verify_prompt", "revise_prompt"),
}
PROMPTS = ("system_prompt", "first_prompt", *(name for names in BETWEEN.values() for name in names))


@dataclass(kw_only=True)
class PromptSettings(Settings):
    """Messages in place of the task's own; null: the task's. All tasks of ours have no system_prompt.

    first_prompt holds "{question}". critique_prompt, refine_prompt: of prompting self_refine alone;
    verify_prompt, revise_prompt: of pag alone.
    template_date: the day that chat templates print for today, as an ISO date; null: the clock's.
    prompt_format: chat (the policy's template) or plain (text of a fixed layout, plain_prompts.py).
    stop_strings: with plain, texts at which an attempt ends; null: the layout's own.
    chat_template: a Jinja file, or the name of a template that TRL ships, in place of the tokenizer's
    own; null: that. chat_template_kwargs: variables of the template, such as enable_thinking.
    history_thinking: keep shows earlier attempts as they were sampled, strip without their reasoning.
    reasoning_tags: of the section verifier, what opens and what ends reasoning.
    """

    system_prompt: str | None = None
    first_prompt: str | None = None
    correction_prompt: str | None = None
    critique_prompt: str | None = None
    refine_prompt: str | None = None
    verify_prompt: str | None = None
    revise_prompt: str | None = None
    template_date: str | None = TEMPLATE_DATE
    prompt_format: str = "chat"
    stop_strings: list | None = None
    chat_template: str | None = None
    chat_template_kwargs: dict = field(default_factory=dict)
    history_thinking: str = "keep"
    reasoning_tags: list | None = field(default_factory=lambda: list(TAGS))


def task_of(settings: PromptSettings) -> ModuleType | SimpleNamespace:
    """The task of a job's settings, which also have a `task_type`, with the prompts that they state."""
    return task_with(settings.task_type, {name: getattr(settings, name) for name in PROMPTS})


def task_with(task_type: str, prompts: Mapping[str, str | None]) -> ModuleType | SimpleNamespace:
    """The task with the prompts that are given, by name, in place of its own.

    prompts: names of PROMPTS; other keys are ignored. ValueError for a prompt that asks nothing.
    """
    task = load_task(task_type)
    given = {name: prompts[name] for name in PROMPTS if prompts.get(name) is not None}
    for name, text in given.items():
        if not text.strip():
            raise ValueError(
                f"{name} is {text!r}; expected a text. Write the message, or null for the task's own."
            )
    if "{question}" not in given.get("first_prompt", "{question}"):
        raise ValueError(
            f"first_prompt is {given['first_prompt']!r}; expected a text that holds {{question}}. Put "
            "{question} where the question belongs."
        )
    stated = {name.upper(): text for name, text in given.items()}
    return SimpleNamespace(**{**vars(task), **stated}) if stated else task


def pinned_date(template_date: str | None) -> date | None:
    """The day that templates print; None for the clock's. ValueError where the text is no date."""
    try:
        return None if template_date is None else date.fromisoformat(template_date)
    except ValueError:
        raise ValueError(
            f"template_date is {template_date!r}; expected an ISO date such as '{TEMPLATE_DATE}', or "
            "null for the clock's. Write year, month and day."
        ) from None
