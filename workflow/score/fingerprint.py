"""What a result was made of, as text that changes when any of it does."""

import hashlib
import json
from functools import cache
from pathlib import Path

from score.prompts import read_few_shot

_BESIDE_THE_POLICY = ("training_args.bin", "README.md")  # they hold paths, and no weights


@cache
def content_digest(path: str) -> str:
    """SHA-256 of a file, or of a policy folder's weights, tokenizer and configs; hub names stay."""
    place = Path(path)
    if place.is_file():
        return _of_file(place)
    if not place.is_dir():
        return path
    files = [p for p in sorted(place.iterdir()) if p.is_file() and p.name not in _BESIDE_THE_POLICY]
    named = [f"{file.name} {_of_file(file)}" for file in files]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()


def prompts_digest(few_shot_dir: str | None, task_type: str) -> str:
    """SHA-256 of the worked examples and of the text of a task file of the user's own."""
    parts = [json.dumps(read_few_shot(few_shot_dir, task_type), sort_keys=True)]
    if Path(task_type).is_file():
        parts.append(Path(task_type).read_text())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
