"""Verifiers: the text of an attempt in, a verdict out. No torch here, and none in the workers.

The stated answer is extracted here, in linear time. What is cheap and certain is decided here too
(`quick_grade` of the task); the rest is graded by killable workers with a hard deadline, see
workers.py. Identical pairs of stated answer and reference answer are judged once.
"""

import hashlib
import json
import queue
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import getpid

from score.tasks import load_task
from score.verifiers.settings import VerifierSettings
from score.verifiers.workers import Worker

VERDICTS = ("correct", "incorrect", "no_answer", "timeout", "error")
MODES = ("default", "final")
CACHED_PAIRS = 50_000


@dataclass(frozen=True)
class Verdict:
    """What the verifier says about one attempt.

    extracted: the stated answer as text, None when nothing was stated.
    score: in [0, 1]; this is the reward.
    verdict: one of VERDICTS. With evaluator_function f1, "correct" means score >= 0.5.
    """

    extracted: str | None
    score: float
    verdict: str

    @property
    def correct(self) -> bool:
        return self.verdict == "correct"

    def __float__(self) -> float:
        return self.score


def _key(extracted: str, answer_json: str) -> bytes:
    return hashlib.sha256(json.dumps([extracted, answer_json]).encode()).digest()


class Verifier:
    """Judges attempts at problems of one task; usable from any thread and any rank.

    task_type: a task's name or the path of its file (score.tasks).
    deadline: seconds for one judgement, then its worker is killed and the verdict is "timeout".
    workers: judgements at a time. They start when first needed and end with close().

    Errors: ValueError for an unknown task, function or mode, and for settings out of range.
    """

    def __init__(
        self,
        task_type: str,
        evaluator_function: str | None = None,
        evaluator_mode: str = "default",
        evaluator_answer_marker: str | None = None,
        *,
        deadline: float = 5.0,
        workers: int = 1,
    ):
        self.task = load_task(task_type)
        self.task_type = task_type
        self.function = evaluator_function or self.task.EVALUATOR_FUNCTIONS[0]
        self.mode = evaluator_mode
        self.marker = (
            self.task.MARKER if evaluator_answer_marker is None else evaluator_answer_marker
        )
        self.deadline = deadline
        self.workers = workers
        self._check_settings()
        self._reset()

    @classmethod
    def from_settings(cls, settings: VerifierSettings) -> "Verifier":
        """The verifier that `task_type` and the config's section `verifier` ask for."""
        return cls(
            settings.task_type,
            settings.evaluator_function,
            settings.evaluator_mode,
            settings.evaluator_answer_marker,
            deadline=settings.verifier_deadline,
            workers=settings.verifier_workers,
        )

    def _check_settings(self) -> None:
        if self.function not in self.task.EVALUATOR_FUNCTIONS:
            raise ValueError(
                f"evaluator_function is {self.function!r}; expected one of "
                f"{', '.join(self.task.EVALUATOR_FUNCTIONS)} for task {self.task_type!r}. Pick one."
            )
        if self.mode not in MODES:
            raise ValueError(
                f"evaluator_mode is {self.mode!r}; expected one of {', '.join(MODES)}. Pick one."
            )
        if self.mode == "final" and not self.marker.strip():
            raise ValueError(
                "evaluator_answer_marker is empty; expected a text when evaluator_mode is "
                "'final'. Set the words that come before the answer."
            )
        if isinstance(self.deadline, bool) or not 0 < self.deadline <= 3600:
            raise ValueError(
                f"deadline is {self.deadline!r}; expected seconds above 0 and at most 3600. "
                "Use about 5 for math and 10 for code."
            )
        if isinstance(self.workers, bool) or not 1 <= self.workers <= 256:
            raise ValueError(
                f"workers is {self.workers!r}; expected a whole number from 1 to 256. "
                "Use at most the number of cores."
            )

    def _reset(self) -> None:
        self._counts = Counter()
        self._scores = OrderedDict()  # of judged pairs, by their hash
        self._lock = threading.Lock()
        self._owner = getpid()
        self._idle = queue.SimpleQueue()
        for _ in range(self.workers):
            self._idle.put(None)  # a place for a worker that is not started yet

    def __getstate__(self) -> dict:
        names = ("task_type", "function", "mode", "marker", "deadline", "workers")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, settings: dict) -> None:
        self.__dict__.update(settings)
        self.task = load_task(self.task_type)
        self._reset()

    @property
    def counts(self) -> dict[str, int]:
        """How often each verdict was given since the start, for logs and metrics."""
        with self._lock:
            return {verdict: self._counts[verdict] for verdict in VERDICTS}

    def __call__(
        self,
        attempts: Sequence[str],
        answers: Sequence,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Verdict]:
        """One Verdict for each attempt, in order. progress(done, total) hears of slow judgements."""
        if isinstance(attempts, str) or len(attempts) != len(answers):
            raise ValueError(
                f"attempts and answers have lengths {len(attempts)} and {len(answers)}; expected "
                "two lists of equal length. Pass one reference answer for each attempt."
            )
        if getpid() != self._owner:  # a fork: the parent's workers are not ours to talk to
            self._reset()
        pairs = [(self._extract(a), json.dumps(b)) for a, b in zip(attempts, answers, strict=True)]
        judged = self._judge_all(list(dict.fromkeys(pairs)), progress)
        verdicts = [judged[pair] for pair in pairs]
        with self._lock:
            self._counts.update(verdict.verdict for verdict in verdicts)
        return verdicts

    def check_gold(self, answer) -> Verdict:
        """The verdict on a minimal attempt that states the reference answer itself."""
        return self([self.task.state(answer, self.marker)], [answer])[0]

    def _extract(self, attempt: str) -> str | None:
        if not isinstance(attempt, str):
            raise ValueError(
                f"an attempt is a {type(attempt).__name__}; expected a text. Decode it first."
            )
        return self.task.extract(attempt, self.mode, self.marker)

    def _judge_all(self, pairs: list[tuple], progress) -> dict[tuple, Verdict]:
        judged = {}
        for pair in pairs:
            verdict = self._judge_cheaply(*pair)
            if verdict is not None:
                judged[pair] = verdict
        left = [pair for pair in pairs if pair not in judged]

        def keep(verdicts):
            for done, (pair, verdict) in enumerate(zip(left, verdicts, strict=True), start=1):
                judged[pair] = verdict
                if progress is not None:
                    progress(done, len(left))

        if self.workers == 1 or len(left) < 2:
            keep(self._judge(*pair) for pair in left)
        else:
            with ThreadPoolExecutor(self.workers) as threads:
                keep(threads.map(lambda pair: self._judge(*pair), left))
        return judged

    def _judge_cheaply(self, extracted: str | None, answer_json: str) -> Verdict | None:
        if extracted is None:
            return Verdict(None, 0.0, "no_answer")
        with self._lock:
            score = self._scores.get(_key(extracted, answer_json))
        if score is None and hasattr(self.task, "quick_grade"):
            score = self.task.quick_grade(extracted, json.loads(answer_json), self.function)
        return None if score is None else self._verdict(extracted, score)

    def _judge(self, extracted: str, answer_json: str) -> Verdict:
        worker = self._idle.get()
        try:
            if worker is None or not worker.usable:
                if worker is not None:
                    worker.kill()
                    worker = None
                worker = Worker(self.task_type)
            answer = json.loads(answer_json)
            kind, score = worker.grade(extracted, answer, self.function, self.deadline)
        finally:
            self._idle.put(worker)
        if kind != "graded":
            return Verdict(extracted, 0.0, kind)
        with self._lock:
            self._scores[_key(extracted, answer_json)] = score
            if len(self._scores) > CACHED_PAIRS:
                self._scores.popitem(last=False)
        return self._verdict(extracted, score)

    def _verdict(self, extracted: str, score: float) -> Verdict:
        if not 0.0 <= score <= 1.0:
            return Verdict(extracted, 0.0, "error")
        is_correct = getattr(self.task, "is_correct", lambda score, function: score == 1.0)
        name = "correct" if is_correct(score, self.function) else "incorrect"
        return Verdict(extracted, float(score), name)

    def close(self) -> None:
        """End the workers. The verifier can still be used: it then starts new ones."""
        if getpid() != self._owner:
            return
        for _ in range(self.workers):
            worker = self._idle.get()
            if worker is not None:
                worker.kill()
            self._idle.put(None)

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __del__(self) -> None:
        if "_idle" in self.__dict__ and getpid() == self._owner:
            while not self._idle.empty():
                worker = self._idle.get_nowait()
                if worker is not None:
                    worker.kill()
