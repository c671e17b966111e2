"""The shipped puzzle policy with another chat template."""

import datetime
import shutil
from pathlib import Path

BASE = "data/puzzle/policy"


def policy_with_template(folder: Path, change) -> str:
    """A copy of the policy in `folder` whose chat template is `change(template)`; its path."""
    policy = folder / "policy"
    shutil.copytree(BASE, policy)
    template = policy / "chat_template.jinja"
    template.write_text(change(template.read_text()))
    return str(policy)


def opens_a_block(template: str) -> str:
    """The template, with `<think>` at the start of every attempt, as reasoning models have it."""
    return template.replace("{{ message.content }} : ", "{{ message.content }} : <think> ")


def prints_the_date(template: str) -> str:
    """The template behind today's date, as those of Llama-3.2 (date_string) and SmolLM3 find it."""
    return (
        "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
        "{{ date_string }} {{ strftime_now('%d') }} " + template
    )


def set_clock(monkeypatch, day: str) -> None:
    """From here on chat templates find that it is this day, an ISO date."""

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromisoformat(day)

    monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", Clock)
