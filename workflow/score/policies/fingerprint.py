"""What a result was made of, as text that changes when any of it does."""

import hashlib
import json
from functools import cache
from pathlib import Path

from transformers import AutoConfig

from score.policies.load import base_of, is_adapter
from score.sampling.prompts import read_few_shot
from score.tasks import load_task

_BESIDE_THE_POLICY = ("training_args.bin", "README.md")  # they hold paths, and no weights


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def policy_digest(path: str, cache_dir: str | None = None) -> str:
    """Another text for other weights: SHA-256 of a folder's files and of an adapter's base, or the
    hub's commit."""
    if not Path(path).is_dir():
        return str(AutoConfig.from_pretrained(path, cache_dir=cache_dir)._commit_hash)
    files = sorted(p for p in Path(path).rglob("*") if p.is_file())
    told = [
        f"{file.relative_to(path)} {file_digest(file)}"
        for file in files
        if file.name not in _BESIDE_THE_POLICY
    ]
    if is_adapter(path):
        told.append(policy_digest(base_of(path), cache_dir))
    return digest(told)


def prompts_digest(few_shot_dir: str | None, task_type: str) -> str:
    """SHA-256 of the worked examples, the task's prompts, and the text of a user's own task file."""
    task = load_task(task_type)
    own = Path(task_type).read_text() if Path(task_type).is_file() else ""
    few_shot = read_few_shot(few_shot_dir, task_type)
    return digest([few_shot, task.FIRST_PROMPT, task.CORRECTION_PROMPT, own])


def digest(value) -> str:
    """SHA-256 of a value as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
