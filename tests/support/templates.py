"""The shipped puzzle policy with another chat template."""

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
