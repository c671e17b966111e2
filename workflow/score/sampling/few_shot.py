"""Worked examples that stand before every problem."""

import json
import reprlib
from pathlib import Path

from score.sampling.bridge_text import Messages


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
