"""Training that is told to stop saves a checkpoint first, and reports that it is not done.

SIGUSR1 is what Slurm sends before a time limit (--signal in slurm/config.yaml), SIGTERM what
scancel and people send. The step under way is finished first.
"""

import os
import signal
import sys

import torch
from transformers import TrainerCallback

from score.jobs.lifeline import STOPPED_EARLY, TOLD_BY


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
        # Between updates that share their rollouts there is nothing whole to save.
        whole = state.global_step % getattr(args, "mini_batches", 1) == 0
        if whole and state.global_step < state.max_steps and self._any_rank(args.device):
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

    The launcher learns of it by a signal, since torchrun prints a long trace for any status but 0.
    """
    launcher = os.environ.get(TOLD_BY)
    if not launcher:
        sys.exit(STOPPED_EARLY)
    os.kill(int(launcher), signal.SIGUSR2)
