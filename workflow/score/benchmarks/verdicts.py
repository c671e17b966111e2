"""Verdicts a second on one core: the project's verifier against math-verify, called one by one.

Both get the same stated answers, of kinds that models write: numbers, fractions, roots, percentages,
intervals, sets, polynomials; half of them right. benchmarks/verifier_throughput.py does the same on
labelled solutions of models, where such data is at hand.
"""

import logging
import os
import random
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

from score.benchmarks.clock import by_turns, timed
from score.benchmarks.figures import Target, figure, ratio
from score.benchmarks.measured import Left, Measured, Wanted, part_flags
from score.tasks import math as task
from score.verifiers.verifier import Verifier


class Text(NamedTuple):
    """An attempt at a math problem, and whether it is right."""

    attempt: str
    gold: str
    mode: str
    marker: str
    right: bool


def written(count: int) -> list[Text]:
    """Solutions that end in a stated answer, in turn right in another notation and wrong."""
    draw = random.Random(0)
    texts = []
    for i in range(count):
        a, b, c = (draw.randint(2, 97) for _ in range(3))
        kinds = [
            (f"{a * b}", f"{a * b}.0", f"{a * b + 1}"),
            (f"\\frac{{{a}}}{{{b}}}", f"{a}/{b}", f"\\frac{{{a + 1}}}{{{b}}}"),
            (f"{a}\\sqrt{{{b}}}", f"\\sqrt{{{b}}} \\cdot {a}", f"{a}\\sqrt{{{b + 1}}}"),
            (f"{a}\\%", f"\\frac{{{a}}}{{100}}", f"{a + 1}\\%"),
            (f"[{a}, {a + b})", f"[{a},{a + b})", f"({a}, {a + b})"),
            (f"\\{{{a}, {a + b}\\}}", f"{a + b}, {a}", f"{a}, {a + b + 1}"),
            (f"{a}x^2 + {b}x - {c}", f"{b}x + {a}x^2 - {c}", f"{a}x^2 - {b}x - {c}"),
            (f"{1000 * a + c}", f"{a},{c:03d}", f"{a},{c + 1:03d}"),
        ]
        gold, same, other = kinds[i % len(kinds)]
        right = draw.random() < 0.5
        attempt = f"We work it out step by step.\n{task.MARKER} ${same if right else other}$."
        texts.append(Text(attempt, gold, "default", task.MARKER, right))
    return texts


def one_by_one(texts: list[Text]) -> list[bool]:
    """math-verify without its timeouts, which are signals and would slow it down."""
    from math_verify import parse, verify

    verdicts = []
    for text in texts:
        stated = task.extract(text.attempt, text.mode, text.marker)
        if stated is None:
            verdicts.append(False)
            continue
        pair = [parse(f"\\boxed{{{one}}}", parsing_timeout=None) for one in (text.gold, stated)]
        verdicts.append(verify(*pair, timeout_seconds=None))
    return verdicts


def warm_verifiers(texts: list[Text]) -> dict[tuple[str, str], Verifier]:
    """A verifier for each way of reading answers, with its worker started and nothing judged before."""
    verifiers = {key: Verifier("math", None, *key) for key in sorted({t[2:4] for t in texts})}
    for (_, marker), verifier in verifiers.items():
        verifier([f"{marker} $x+2$"], ["2+x"])
    return verifiers


def with_verifiers(texts: list[Text], verifiers: dict[tuple[str, str], Verifier]) -> list[bool]:
    verdicts = {}
    for key, verifier in verifiers.items():
        chosen = [i for i, text in enumerate(texts) if text[2:4] == key]
        judged = verifier([texts[i].attempt for i in chosen], [texts[i].gold for i in chosen])
        verdicts.update(zip(chosen, (verdict.correct for verdict in judged), strict=True))
    return [verdicts[i] for i in range(len(texts))]


def on_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def measure(count: int, rounds: int, left: Left) -> dict:
    texts = written(count)
    verdicts: dict[str, list[bool]] = {}

    def fresh() -> Callable[[], None]:
        """Judges all texts with verifiers that have judged none of them."""
        verifiers = warm_verifiers(texts)

        def judge() -> None:
            verdicts["score"] = with_verifiers(texts, verifiers)
            for verifier in verifiers.values():
                verifier.close()

        return judge

    def plain() -> None:
        verdicts["math-verify"] = one_by_one(texts)

    calls = {"score": lambda: timed(fresh(), "cpu")(), "math-verify": timed(plain, "cpu")}
    taken = by_turns(calls, rounds, left=left)
    ours, theirs = taken["score"], taken["math-verify"]
    right = [text.right for text in texts]
    of_clock = ratio(theirs, ours, Target(least=5.0))
    agree = {
        f"agreement of {name}": sum(a == b for a, b in zip(found, right, strict=True)) / count
        for name, found in verdicts.items()
    }
    return {
        "times as fast as math-verify": {**of_clock, "by_cpu_time": None},  # workers are not in it
        "verdicts": figure([count / one["seconds"] for one in ours], "a second"),
        **agree,
    }


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    measured = Measured(flags.output, "cpu", flags.seconds)
    if find_spec("math_verify") is None:
        why = "math-verify is not installed; requirements-dev.txt has it."
        measured.put("stated answers", {"skipped": why})
    else:
        logging.disable(logging.CRITICAL)
        on_one_core()
        sizes = (40, 1) if flags.tiny else (500, 5)
        measured.take_all([Wanted("stated answers", partial(measure, *sizes))])
    measured.finish()


if __name__ == "__main__":
    main()
