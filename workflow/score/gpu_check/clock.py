"""Seconds of the phases of an update, with the GPU's work in them."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from transformers import TrainerCallback


class Clock:
    """Sums of seconds by phase; the GPU is idle at both ends of each."""

    def __init__(self, device: str):
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        start = self.now()
        yield
        self.seconds[phase] += self.now() - start

    def now(self) -> float:
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def timed(self, phase: str, call: Callable) -> Callable:
        """`call`, whose seconds count for `phase`."""

        def timed(*arguments, **named):
            with self.during(phase):
                return call(*arguments, **named)

        return timed


class UpdateClock(TrainerCallback):
    """Tells the clock of whole updates and of the optimiser's steps in them."""

    def __init__(self, clock: Clock):
        self.clock = clock

    def on_step_begin(self, args, state, control, **kwargs):
        self.began = self.clock.now()

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        self.stepping = self.clock.now()

    def on_optimizer_step(self, args, state, control, **kwargs):
        self.clock.seconds["optimiser"] += self.clock.now() - self.stepping

    def on_step_end(self, args, state, control, **kwargs):
        self.clock.seconds["update"] += self.clock.now() - self.began
