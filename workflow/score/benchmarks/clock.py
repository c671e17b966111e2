"""Seconds of the clock and of the processor, by phase; the seconds of things that run by turns."""

import gc
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from transformers import TrainerCallback

Taken = dict[str, float]  # at least `seconds` and `cpu_seconds`


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
    """Tells the clock of whole updates, of the processor's time in them and of the optimiser's steps."""

    def __init__(self, clock: Clock):
        self.clock = clock

    def on_step_begin(self, args, state, control, **kwargs):
        self.began, self.cpu = self.clock.now(), time.process_time()

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        self.stepping = self.clock.now()

    def on_optimizer_step(self, args, state, control, **kwargs):
        self.clock.seconds["optimiser"] += self.clock.now() - self.stepping

    def on_step_end(self, args, state, control, **kwargs):
        self.clock.seconds["update"] += self.clock.now() - self.began
        self.clock.seconds["update, CPU"] += time.process_time() - self.cpu


def timed(call: Callable[[], object], device: str) -> Callable[[], Taken]:
    """`call` as one of `by_turns`, timed from its start to its end."""

    def taken() -> Taken:
        clock, cpu = Clock(device), time.process_time()
        with clock.during("call"):
            call()
        return {"seconds": clock.seconds["call"], "cpu_seconds": time.process_time() - cpu}

    return taken


def by_turns(
    calls: dict[str, Callable[[], Taken]],
    rounds: int,
    warm_up: int = 1,
    left: Callable[[], float] = lambda: math.inf,
) -> dict[str, list[Taken]]:
    """What each call takes in each of `rounds`; every second round goes through them backwards.

    So what drifts, a clock rate or another process, meets all of them alike. The rounds of the warm-up
    are not among the results. left: says how many seconds are left; behind the first round that counts,
    rounds end where one more would not fit.
    """
    taken: dict[str, list[Taken]] = {name: [] for name in calls}
    longest = 0.0
    with few_to_collect():
        for number in range(-warm_up, rounds):
            if number > 0 and left() < longest:
                break
            began = time.monotonic()
            for name in reversed(calls) if number % 2 else calls:
                gc.collect()
                found = calls[name]()
                if number >= 0:
                    taken[name].append(found)
            longest = max(longest, time.monotonic() - began)
    return taken


@contextmanager
def few_to_collect() -> Iterator[None]:
    """Garbage collections pass over all that is there now: with torch and TRL loaded one takes 0.2 s,
    and a call of `train` makes several."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
