"""What a training has recorded so far, on disk while it runs; training.jsonl is written at its end.

The file lies among the checkpoints and so is there as long as the training is unfinished, over
interruptions. `python -m score.status` reads it.
"""

import time
from pathlib import Path

from transformers import TrainerCallback

from score.files.step_lines import StepLines
from score.training.health import updates_without
from score.training.selection import expected_updates, is_update

LIVE = "progress.jsonl"
_MOST_BYTES = 4_000_000


class LiveRecords(TrainerCallback):
    """Adds a line for each update, on the first process.

    A line has the record of the update, its `step` of `updates` that are expected in all, `time`
    (seconds since 1970), `started` (the time at which this process began) and `nothing_to_learn`
    (updates in a row).
    """

    def __init__(self, checkpoints: str | Path, total_tokens: int | None = None):
        self.total_tokens = total_tokens
        self.lines, self.started = StepLines(Path(checkpoints) / LIVE, _MOST_BYTES), time.time()

    def on_train_begin(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            self.lines.begin(state.global_step)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if not state.is_world_process_zero or not is_update(logs or {}):
            return
        row = {
            "step": state.global_step,
            "updates": expected_updates(state.log_history, state.max_steps, self.total_tokens),
            "time": round(time.time(), 3),
            "started": round(self.started, 3),
            "nothing_to_learn": updates_without(state.log_history),
            "record": logs,
        }
        self.lines.add([row])
