"""Checkpoints that can be trusted: whole ones of these very settings."""

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transformers import TrainerCallback

_WHOLE = "whole"


@contextmanager
def sole_writer(directory: str) -> Iterator[None]:
    """Hold the folder's lock; RuntimeError where another training holds it.

    A training can outlive the Snakemake that started it. A second one would spoil its checkpoints.
    """
    path = Path(f"{directory}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RuntimeError(
                f"{directory} is in use by another training ({file.read().strip()}); expected to be "
                "the only writer. Wait until that one has ended, or end it, and run again."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
        path.unlink(missing_ok=True)


class WholeCheckpoints(TrainerCallback):
    """Marks a checkpoint once all of it is written, so that a torn one is never resumed from."""

    def on_save(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / _WHOLE).touch()


def newest_whole_checkpoint(directory: str) -> str | None:
    """The whole checkpoint with the most steps, or None."""
    steps = {int(path.parent.name.split("-")[1]): path.parent for path in _marks(directory)}
    for path in Path(directory).glob("checkpoint-*"):
        if path not in steps.values():
            print(f"{path} is not whole, its writing was interrupted: it is skipped", flush=True)
    return str(steps[max(steps)]) if steps else None


def open_checkpoints(directory: str, settings: dict) -> None:
    """Make the folder, or clear it when its checkpoints were made with other settings.

    Only the first process may call this, before the others look for a checkpoint.
    """
    path = Path(directory) / "settings.json"
    text = json.dumps(settings, indent=1, sort_keys=True)
    if path.is_file() and path.read_text() == text:
        return
    if any(path.parent.glob("checkpoint-*")):
        old = json.loads(path.read_text()) if path.is_file() else {}
        changed = sorted(key for key in {*old, *settings} if old.get(key) != settings.get(key))
        print(
            f"checkpoints in {directory} were made with other settings ({', '.join(changed)}): "
            "they are deleted and training starts anew",
            flush=True,
        )
        shutil.rmtree(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _marks(directory: str) -> list[Path]:
    return sorted(Path(directory).glob(f"checkpoint-*/{_WHOLE}"))
