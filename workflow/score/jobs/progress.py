"""Lines that show how far a job is; score.jobs.follow and score.jobs.failures find them in its log.

Where a terminal is attached, a bar that is drawn over itself takes their place.
"""

# An older Python must be able to run this, as score.doctor shows its checks by it.
from __future__ import annotations

import math
import os
import re
import sys
import time

# The lines that are printed here, and those of ProgressLine in score.training.records.
PROGRESS_LINE = re.compile(r"\d+(/| of | of about )\d+\b.* left$|resumed after step \d+$")
_SECONDS = 10.0  # between two lines
_QUICK, _FRAME, _BAR = 1.0, 0.1, 20  # seconds before a bar, seconds between two, and its characters
_drawn = False  # whether a line of a terminal is to be erased
_SHOWN = ("reward", "kl", "unchanged", "equal_groups", "validation_accuracy", "mean_token_accuracy")
# shares that are worth a place once they are so large
_SHOWN_FROM = {"truncated": 0.01, "no_answer": 0.01}


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


def shown(record: dict) -> str:
    """What the progress line says of an update: `reward 0.550/0.612  kl 0.010/0.020  unchanged 0.800`.

    Turns stand side by side, – for one that has no value.
    """
    parts = []
    for name in (*_SHOWN, *_SHOWN_FROM):
        values = [record[name]] if name in record else _by_turn(record, name)
        there = [value for value in values if value is not None]
        if there and max(there) >= _SHOWN_FROM.get(name, -math.inf):
            texts = ["–" if value is None else f"{value:.3f}" for value in values]
            parts.append(f"{name} {'/'.join(texts)}")
    return "  ".join(parts)


def _by_turn(record: dict, name: str) -> list[float | None]:
    """The values of turn 1 … N of a quantity."""
    start = f"{name}_t"
    ends = [key[len(start) :] for key in record if key.startswith(start)]
    turns = [int(end) for end in ends if end.isdecimal()]
    return [record.get(f"{start}{t}") for t in range(1, max(turns, default=0) + 1)]


class Countdown:
    """Prints `verified 40 of 200 answers, 12 min left` every ten seconds; quick work is silent.

    On a terminal it draws a bar instead, from the first second on. found: how many of the things needed
    no work, and therefore say nothing about the pace.
    """

    def __init__(self, verb: str, things: str, found: int = 0):
        self.verb, self.things, self.found, self.printed = verb, things, found, False
        self.start = self.last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if on_terminal():
            if done == total:
                erase()
            elif now - self.start > _QUICK and now - self.last > _FRAME:
                self.last = now
                filled = _BAR * done // total
                bar = "#" * filled + "." * (_BAR - filled)
                draw(f"[{bar}] {self._told(done, total, now)}")
        elif now - self.last > _SECONDS or (self.printed and done == total):
            self.last, self.printed = now, True
            print(self._told(done, total, now), flush=True)

    def _told(self, done: int, total: int, now: float) -> str:
        new = done - self.found
        left = f", {duration((now - self.start) / new * (total - done))} left" if new else ""
        return f"{self.verb} {done} of {total} {self.things}{left}"


def on_terminal() -> bool:
    """Whether a person looks at standard error, on a terminal that can draw over a line."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def draw(text: str) -> None:
    """Show a line on the terminal, where there is one, until the next one or `erase`."""
    global _drawn
    if not on_terminal():
        return
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns or 80  # 0: not known
    except (OSError, ValueError):
        width = 80
    sys.stderr.write(f"\r{text[: max(1, width - 1)]}\x1b[K\r")
    sys.stderr.flush()
    _drawn = True


def erase() -> None:
    """Remove the line that `draw` has left, before anything else is printed."""
    global _drawn
    if _drawn and on_terminal():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
    _drawn = False


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
