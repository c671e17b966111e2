"""Verdicts on a set of rollouts, begun as soon as attempts are sampled and awaited when they are needed.

A verdict depends on its attempt alone, so that those worked out while other attempts are sampled, or
while rollouts are scored under the reference, are the same as those worked out afterwards.
Legend of shapes: B rollouts, N attempts.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from score.sampling.rollout import Generate, texts_of
from score.training.batches import Score, Scored, as_scored, ask, questions_of


def begun_by(verifier: Score) -> AbstractContextManager:
    """Within it a verifier begins with verdicts before they are awaited; None where it can't.

    Behind it none of its threads is left, whether all verdicts were awaited or an error came first.
    """
    grading = getattr(verifier, "grading", None)
    return nullcontext() if grading is None else grading()


class Judging:
    """What a verifier says of B rollouts, whose attempts are told of as they are sampled.

    problems: the row of each rollout's problem. grading: of the verifier, which begins at once with what
    it is told of. None: the verifier is called once, in the thread and at the time that verdicts are
    wanted, since a function may rely on either.
    """

    def __init__(self, verifier: Score, problems: list[dict], tokenizer, grading=None):
        self.verifier, self.problems, self.tokenizer = verifier, problems, tokenizer
        self.grading = grading
        self.texts: list[list[str]] = [[] for _ in problems]
        self.asked: list[list] = [[] for _ in problems]

    def add(self, places: Sequence[int], attempts: list[list[list[int]]]) -> None:
        """The next attempts, as token ids, of the rollouts at `places`: as many of each."""
        texts = texts_of(attempts, self.tokenizer)
        for place, row in zip(places, texts, strict=True):
            self.texts[place] += row
        if self.grading is None:
            return
        of = [place for place, row in zip(places, texts, strict=True) for _ in row]
        problems = [self.problems[place] for place in of]
        answers, questions = [p["answer"] for p in problems], questions_of(self.verifier, problems)
        asked = self.grading.start([text for row in texts for text in row], answers, questions)
        for place, one in zip(of, asked, strict=True):
            self.asked[place].append(one)

    def scored(self) -> Scored:
        """The verdicts on all attempts; waits for them, and raises what a verifier raises."""
        if self.grading is None:
            flat = [text for row in self.texts for text in row]
            problems = [p for p, row in zip(self.problems, self.texts, strict=True) for _ in row]
            verdicts = ask(self.verifier, flat, problems)
        else:
            verdicts = self.grading.verdicts([one for row in self.asked for one in row])
        return as_scored(self.texts, verdicts)


class JudgedTurns:
    """`Generate` that has each turn of the rollouts at `places` judged once it is sampled."""

    def __init__(self, generate: Generate, judging: Judging, places: Sequence[int]):
        self.generate, self.judging, self.places = generate, judging, places

    def __call__(self, prompts: list[list[int]], seeds: list[int] | None) -> list[list[int]]:
        attempts = self.generate(prompts, seeds)
        self.judging.add(self.places, [[attempt] for attempt in attempts])
        return attempts
