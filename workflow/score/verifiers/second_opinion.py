"""A second opinion on a verdict: a report for a person, never a reward.

A verifier that is wrong pays for wrong attempts, and no metric of its own can show it. So a task
may bring another grader that shares nothing with the first (`second_opinion` of score.tasks). It runs
in the verifier's workers, so that one that hangs is ended as a verdict is.
"""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

LIMIT = 1.0  # seconds for one opinion


def has_second_opinion(verifier) -> bool:
    """Whether a verifier's task can be asked; false for a verifier that is a plain function."""
    task = getattr(verifier, "task", None)
    return hasattr(task, "second_opinion") and hasattr(verifier, "ask_worker")


def second_opinions(
    verifier, stated: Sequence[str | None], answers: Sequence, seconds: float | None = None
) -> list[bool | None]:
    """True (right), False, or None (no opinion) for each stated answer, in order.

    verifier: a Verifier for which `has_second_opinion` holds. None is also the opinion on nothing
    stated, of a grader that fails or takes longer than LIMIT, and on what `seconds` from the start were
    not enough for. Equal pairs are asked about once.
    """
    ends = None if seconds is None else time.monotonic() + seconds
    pairs = [(text, json.dumps(answer)) for text, answer in zip(stated, answers, strict=True)]

    def ask(pair: tuple) -> bool | None:
        if pair[0] is None or (ends is not None and time.monotonic() >= ends):
            return None
        try:
            kind, score = verifier.ask_worker("second_opinion", pair[0], json.loads(pair[1]), LIMIT)
        except RuntimeError:  # no worker: a report must not end what it reports on
            return None
        return None if kind != "graded" or score is None else bool(score)

    distinct = list(dict.fromkeys(pairs))
    with ThreadPoolExecutor(verifier.workers) as threads:
        opinions = dict(zip(distinct, threads.map(ask, distinct), strict=True))
    return [opinions[pair] for pair in pairs]
