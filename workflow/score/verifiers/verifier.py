"""The text of an attempt in, a verdict out. No torch here, and none in the workers.

The stated answer is extracted here, in linear time. What is cheap and certain is graded here too
(`quick_grade` of the task); the rest is graded in processes that are killed at a deadline, see
score.verifiers.workers. Identical pairs of stated answer and reference answer are graded once.
"""

import hashlib
import json
import queue
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from os import getpid

from score.tasks import MODES, extract_with, load_task
from score.verifiers.grading import Grading
from score.verifiers.modes import check_mode_and_marker
from score.verifiers.reasoning import TAGS, after_reasoning, check_tags
from score.verifiers.settings import VerifierSettings
from score.verifiers.workers import Worker

VERDICTS = ("correct", "incorrect", "no_answer", "timeout", "error")
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
    """Gives verdicts on attempts at problems of one task; usable from any thread and any rank.

    task_type: a task's name or the path of its file (score.tasks).
    reasoning_tags: what opens and what ends a reasoning block, inside which nothing is stated; None:
    there are none.
    deadline: seconds for one verdict, then its worker is killed and the verdict is "timeout".
    workers: verdicts at a time. They start when first needed and end with close().

    ValueError for an unknown task, function or mode, and for settings out of range.
    """

    reads_questions = True  # __call__ takes `questions`

    def __init__(
        self,
        task_type: str,
        evaluator_function: str | None = None,
        evaluator_mode: str = "default",
        evaluator_answer_marker: str | None = None,
        reasoning_tags: Sequence[str] | None = TAGS,
        *,
        deadline: float = 5.0,
        workers: int = 1,
    ):
        self.task_type, self.task = task_type, load_task(task_type)
        self.function = evaluator_function or self.task.EVALUATOR_FUNCTIONS[0]
        self.mode = evaluator_mode
        marker = evaluator_answer_marker
        self.marker: str = self.task.MARKER if marker is None else marker
        self.reasoning_tags = reasoning_tags
        self.deadline, self.workers = deadline, workers
        self._check_settings()
        self._reset()

    @classmethod
    def from_settings(cls, settings: VerifierSettings) -> "Verifier":
        """The verifier that the settings of a job describe."""
        names = VerifierSettings.names()
        return cls(**{name.removeprefix("verifier_"): getattr(settings, name) for name in names})

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
        check_mode_and_marker(self.task, self.task_type, self.mode, self.marker)
        check_tags(self.reasoning_tags)
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
        self._counts: Counter[str] = Counter()
        # of pairs that workers have graded, by their hash
        self._scores: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()
        self._owner = getpid()
        self._idle: queue.SimpleQueue[Worker | None] = queue.SimpleQueue()
        for _ in range(self.workers):
            self._idle.put(None)  # a place for a worker that is not started yet

    def __reduce__(self) -> tuple:
        """Pickled are the settings alone: a copy starts its own workers and counts."""
        make = partial(Verifier, deadline=self.deadline, workers=self.workers)
        return make, (self.task_type, self.function, self.mode, self.marker, self.reasoning_tags)

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
        opening: str | Sequence[str] = "",
        questions: Sequence[str] | None = None,
    ) -> list[Verdict]:
        """One Verdict for each attempt, in order.

        progress(done, total) is called after each pair that a worker grades. opening: the text that
        the chat template writes just before an attempt, one for all or one each; it may open a
        reasoning block. questions: what each attempt answers; with them an attempt that only
        repeats its question is incorrect, where the task can tell (`restates`).
        ValueError where the lengths differ, or an attempt is no text.
        """
        with self.grading(opening) as grading:
            return grading.verdicts(grading.start(attempts, answers, questions), progress)

    def grading(self, opening: str | Sequence[str] = "") -> Grading:
        """Verdicts that are asked for first and waited for later; `opening` as in a call."""
        if getpid() != self._owner:  # after a fork: the workers belong to the parent process
            self._reset()
        return Grading(self, opening)

    def final(self, verdict: Verdict, answer, question: str | None) -> Verdict:
        """The verdict on an attempt whose pair has this one; counts it."""
        restates = getattr(self.task, "restates", None)
        if verdict.correct and question is not None and restates:
            try:
                refused = "incorrect" if restates(verdict.extracted, answer, question) else None
            except Exception:
                refused = "error"
            if refused:
                verdict = Verdict(verdict.extracted, 0.0, refused)
        with self._lock:
            self._counts[verdict.verdict] += 1
        return verdict

    def check_golds(
        self, answers: Sequence, progress: Callable[[int, int], None] | None = None
    ) -> list[Verdict]:
        """Verdicts on minimal attempts that state the reference answers themselves."""
        stated = [self.task.state(answer, self.marker) for answer in answers]
        return self(stated, answers, progress)

    def extract(self, attempt: str, opening: str, answer) -> str | None:
        """What an attempt states; None where that is nothing. ValueError where it is no text."""
        if not isinstance(attempt, str):
            raise ValueError(
                f"an attempt is a {type(attempt).__name__}; expected a text. Decode it first."
            )
        said = after_reasoning(attempt, self.reasoning_tags, opening)
        return (
            None if said is None else extract_with(self.task, said, self.mode, self.marker, answer)
        )

    def quick_verdict(self, extracted: str | None, answer_json: str) -> Verdict | None:
        """The verdict where it needs no worker, else None."""
        if extracted is None:
            return Verdict(None, 0.0, "no_answer")
        with self._lock:
            score = self._scores.get(_key(extracted, answer_json))
        if score is None and hasattr(self.task, "quick_grade"):
            try:
                score = self.task.quick_grade(extracted, json.loads(answer_json), self.function)
            except Exception:  # as in a worker: no text that a policy writes ends a training
                return Verdict(extracted, 0.0, "error")
        return None if score is None else self._verdict(extracted, score)

    def verdict_of_worker(self, extracted: str, answer_json: str) -> Verdict:
        """The verdict of a worker, as soon as one is free."""
        kind, score = self.ask_worker("grade", extracted, json.loads(answer_json), self.deadline)
        if kind != "graded":
            return Verdict(extracted, 0.0, kind)
        with self._lock:
            self._scores[_key(extracted, answer_json)] = score
            if len(self._scores) > CACHED_PAIRS:
                self._scores.popitem(last=False)
        return self._verdict(extracted, score)

    def ask_worker(self, asked: str, extracted: str, answer, deadline: float) -> tuple:
        """What a worker's `grade` returns, with a function of the task: grade or second_opinion."""
        worker = self._idle.get()
        try:
            if worker is not None and not worker.usable:
                worker.kill()
                worker = None
            worker = worker or Worker(self.task_type)
            return worker.grade(extracted, answer, self.function, deadline, asked)
        finally:
            self._idle.put(worker)

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
