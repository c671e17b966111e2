"""Training that is told to stop saves a checkpoint first, and says that it is not done.

SIGUSR1 is what Slurm sends before a time limit (--signal in slurm/config.yaml), SIGTERM what
scancel and people send. The step under way is finished, so a signal needs no more than that long.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from transformers import TrainerCallback

from score.jobs.lifeline import STOPPED_EARLY, STOPPED_FILE


class StopOnSignal(TrainerCallback):
    """Ends training after the step in which any rank was signalled, with a checkpoint."""

    def __init__(self):
        self.signalled = False
        self.stopped_early = False
        for number in (signal.SIGUSR1, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number, frame):
        self.signalled = True

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step < state.max_steps and self._any_rank(args.device):
            control.should_save = control.should_training_stop = self.stopped_early = True
            if state.is_world_process_zero:
                print(f"told to stop: a checkpoint of step {state.global_step} is made", flush=True)

    def _any_rank(self, device) -> bool:
        """Whether a rank was signalled; all must stop at the same step."""
        if not torch.distributed.is_initialized():
            return self.signalled
        asked = torch.tensor(int(self.signalled), device=device)
        torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
        return bool(asked)


def end_interrupted() -> None:
    """End this rank of a training that has saved before its end.

    The launcher is told by a file, since torchrun makes a long trace of any status but 0.
    """
    told = os.environ.get(STOPPED_FILE)
    if not told:
        sys.exit(STOPPED_EARLY)
    Path(told).touch()
