"""How far a job is, for people: lines that end in `left`, by which `score.jobs.follow` finds them."""

import time

_SECONDS = 10.0


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
    """Prints `judged 40 of 200 answers, 12 min left` every ten seconds; quick work is silent."""

    def __init__(self, verb: str, things: str):
        self.verb, self.things, self.said = verb, things, False
        self.start = self.last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.last > _SECONDS or (self.said and done == total):
            self.last, self.said = now, True
            left = duration((now - self.start) / done * (total - done))
            print(f"{self.verb} {done} of {total} {self.things}, {left} left", flush=True)


class Progress:
    """A line a person can follow, at most every ten seconds."""

    def __init__(self, total: int, found: int, shown: bool):
        self.total, self.found, self.done, self.shown = total, found, found, shown
        self.start = self.last = time.monotonic()
        if shown:
            print(f"sample: {found} of {total} rollouts found in shards", flush=True)

    def __call__(self, done: int) -> None:
        self.done += done
        now = time.monotonic()
        if self.shown and (now - self.last > 10 or self.done == self.total):
            self.last = now
            left = (now - self.start) / (self.done - self.found) * (self.total - self.done)
            print(
                f"sample: {self.done} of {self.total} rollouts ({self.found} found in shards), "
                f"{duration(left)} left",
                flush=True,
            )
