"""What a person sees of a training: a line every few seconds, and a record of every update."""

import json
import time
from pathlib import Path

from transformers import PrinterCallback, TrainerCallback

from score.jobs.progress import duration

_SECONDS = 5.0
_SHOWN = ("reward_t", "kl_t", "unchanged", "mean_token_accuracy")


class ProgressLine(TrainerCallback):
    """Prints stage, step, rewards or the like, and time left from the first process."""

    def __init__(self, stage: str):
        self.stage = stage

    def on_train_begin(self, args, state, control, **kwargs):
        self.start, self.first, self.last = time.monotonic(), state.global_step, 0.0
        if state.is_world_process_zero and self.first:
            print(f"{self.stage}: resumed after step {self.first}", flush=True)

    def on_log(self, args, state, control, logs=None, **kwargs):
        now, done = time.monotonic(), state.global_step - self.first
        due = now - self.last > _SECONDS or state.global_step == state.max_steps
        if not (state.is_world_process_zero and due and done and _of_update(logs or {})):
            return
        self.last = now
        left = (now - self.start) / done * (state.max_steps - state.global_step)
        names = [name for start in _SHOWN for name in sorted(logs) if name.startswith(start)]
        shown = "  ".join(f"{name} {logs[name]:.3f}" for name in names)
        step = f"{state.global_step}/{state.max_steps}"
        print(f"{self.stage} step {step}  {shown}  {duration(left)} left", flush=True)


def write_records(path: str, log_history: list[dict], stage: str) -> None:
    """training.jsonl, a line an update: the trainer's own history, which checkpoints carry along."""
    lines = [
        json.dumps({"stage": stage, **record}, sort_keys=True)
        for record in log_history
        if _of_update(record)
    ]
    Path(path).write_text("".join(line + "\n" for line in lines))


def _of_update(record: dict) -> bool:
    """Whether the trainer recorded an update, and not the whole training at its end."""
    return "learning_rate" in record


def silence_trainer(trainer) -> None:
    """Drop the library's own printing of every record; `ProgressLine` is for people."""
    trainer.remove_callback(PrinterCallback)
