"""Verdicts on attempts that come one after another, worked out while the caller does other things."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple


class Asked(NamedTuple):
    """An attempt that a verdict is asked for: its stated answer with the reference answer as JSON, the
    reference answer itself, and what was asked, where it is known."""

    pair: tuple[str | None, str]
    answer: object
    question: str | None


class Grading:
    """Verdicts of one Verifier, in two steps: `start` asks for them, `verdicts` waits for them.

    In between workers grade. What needs no worker is graded as it is asked for. Equal pairs of stated
    answer and reference answer are graded once, whichever call brings them. Used with `with`: behind the
    block no thread is left, and pairs that no worker has begun are given up. For one thread at a time.
    opening: as in Verifier.
    """

    def __init__(self, verifier, opening: str | Sequence[str] = ""):
        self.verifier, self.opening = verifier, opening
        self._graded: dict[tuple, object] = {}  # a Verdict, or the Future of one, by pair
        self._threads = ThreadPoolExecutor(verifier.workers)

    def start(
        self, attempts: Sequence[str], answers: Sequence, questions: Sequence[str] | None = None
    ) -> list[Asked]:
        """What `verdicts` takes, for each attempt in order; arguments as in Verifier."""
        if isinstance(attempts, str) or len(attempts) != len(answers):
            raise ValueError(
                f"attempts and answers have lengths {len(attempts)} and {len(answers)}; expected "
                "two lists of equal length. Pass one reference answer for each attempt."
            )
        openings = self.opening
        if isinstance(openings, str):
            openings = [openings] * len(attempts)
        said = zip(attempts, openings, answers, strict=True)
        stated = [self.verifier.extract(*each) for each in said]
        asked_of = [None] * len(stated) if questions is None else questions
        asked = [
            Asked((text, json.dumps(answer)), answer, question)
            for text, answer, question in zip(stated, answers, asked_of, strict=True)
        ]
        for one in asked:
            if one.pair not in self._graded:
                self._graded[one.pair] = self._begun(one.pair)
        return asked

    def _begun(self, pair: tuple):
        """The Verdict on a pair where it needs no worker, else the Future of one."""
        quick = self.verifier.quick_verdict(*pair)
        if quick is not None:
            return quick
        return self._threads.submit(self.verifier.verdict_of_worker, *pair)

    def verdicts(
        self, asked: Sequence[Asked], progress: Callable[[int, int], None] | None = None
    ) -> list:
        """The Verdict on each attempt, in order. progress: as in Verifier.

        Raises what ended a worker as it started.
        """
        waiting = {p: found for p, found in self._graded.items() if isinstance(found, Future)}
        for done, (pair, future) in enumerate(waiting.items(), start=1):
            self._graded[pair] = future.result()
            if progress is not None:
                progress(done, len(waiting))
        return [self.verifier.final(self._graded[one.pair], *one[1:]) for one in asked]

    def __enter__(self) -> "Grading":
        return self

    def __exit__(self, *_) -> None:
        self._threads.shutdown(cancel_futures=True)
