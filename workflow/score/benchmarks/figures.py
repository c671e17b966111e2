"""From what things took in rounds to figures: medians of ratios with their spread, beside targets."""

from dataclasses import dataclass
from statistics import median

from score.benchmarks.clock import Taken


@dataclass(frozen=True)
class Target:
    """What a figure should be: at most `most`, or at least `least`."""

    most: float | None = None
    least: float | None = None

    def text(self) -> str:
        return f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"

    def verdict(self, value: float) -> str:
        low = self.least is not None and value < self.least
        high = self.most is not None and value > self.most
        return "missed" if low or high else "passed"


def figure(values: list[float], unit: str, target: Target | None = None) -> dict:
    """The median of one value a round, with the lowest and highest of them."""
    middle = median(values)
    told = {
        "value": middle,
        "value_low": min(values),
        "value_high": max(values),
        "unit": unit,
        "rounds": len(values),
    }
    if target is not None:
        told |= {"target": target.text(), "verdict": target.verdict(middle)}
    return told


def ratio(one: list[Taken], other: list[Taken], target: Target | None = None) -> dict:
    """one / other by the clock, round by round; by the processor's time too, which other processes on
    the machine disturb less."""
    of_clock, of_cpu = (
        [a[name] / b[name] for a, b in zip(one, other, strict=True)]
        for name in ("seconds", "cpu_seconds")
    )
    return {
        **figure(of_clock, "x", target),
        "by_cpu_time": median(of_cpu),
        "seconds": median(t["seconds"] for t in one),
        "seconds_of_the_other": median(t["seconds"] for t in other),
        "cpu_seconds": median(t["cpu_seconds"] for t in one),
        "cpu_seconds_of_the_other": median(t["cpu_seconds"] for t in other),
    }


def phases(taken: list[Taken]) -> dict[str, float]:
    """The median seconds of each phase."""
    return {name: round(median(t[name] for t in taken), 4) for name in taken[0]}
