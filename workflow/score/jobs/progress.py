"""Lines that show how far a job is; score.jobs.follow and score.jobs.failures find them in its log."""

import re
import time

# The lines that are printed here, and those of ProgressLine in score.training.records.
PROGRESS_LINE = re.compile(r"\d+(/| of )\d+\b.* left$|resumed after step \d+$")
_SECONDS = 10.0  # between two lines


def duration(seconds: float) -> str:
    """`41 s`, `12 min`, `1 h 12 min` or `2 d 3 h`: no finer than a guess at the time left is."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 59.5:
        return f"{max(0, seconds):.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


class Countdown:
    """Prints `verified 40 of 200 answers, 12 min left` every ten seconds; quick work is silent.

    found: how many of the things needed no work, and therefore say nothing about the pace.
    """

    def __init__(self, verb: str, things: str, found: int = 0):
        self.verb, self.things, self.found, self.printed = verb, things, found, False
        self.start = self.last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.last > _SECONDS or (self.printed and done == total):
            self.last, self.printed = now, True
            left = duration((now - self.start) / (done - self.found) * (total - done))
            print(f"{self.verb} {done} of {total} {self.things}, {left} left", flush=True)


class Progress:
    """The countdown of sampling, whose rollouts may be partly found in shards."""

    def __init__(self, total: int, found: int, shown: bool):
        self.total, self.done, self.shown = total, found, shown
        self._countdown = Countdown("sample:", f"rollouts ({found} found in shards)", found)
        self._countdown.printed = True  # so that its last line is printed in any case
        if shown:
            print(f"sample: {found} of {total} rollouts found in shards", flush=True)

    def __call__(self, done: int) -> None:
        """Count `done` more rollouts."""
        self.done += done
        if self.shown:
            self._countdown(self.done, self.total)
