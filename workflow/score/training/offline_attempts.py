"""First attempts of another policy as offline prompts of turn 2, to widen what Stage II corrects.

Of an update's problems a share starts from attempts that the base policy was sampled for; turn 1 is
sampled for the others. The K rollouts of a problem are all of one kind. Which problems are offline,
and which attempt each of their rollouts starts from, follows from (seed, step, problem) alone, so
that training resumes bit for bit and ranks need not talk about it.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path

from score.sampling.rollout import Generate
from score.sampling.sampled import read_first_attempts


class OfflineAttempts:
    """Attempts at every training problem as token ids, and which of them an update starts from.

    attempts: of each problem's id the first attempts there are. share: how likely a problem is
    offline in an update; 1 means always.
    """

    def __init__(self, attempts: dict[str, list[list[int]]], share: float, seed: int):
        self.attempts, self.share, self.seed = attempts, share, seed

    def of_rollouts(
        self, problem_ids: list[str], step: int, first: int, k: int, corrections: int = 1
    ) -> list[list[int] | None]:
        """The attempt that each rollout of a rank starts from in an update, None where it samples.

        problem_ids: of the rank's rollouts, the first of which is number `first` of the update; of
        each problem there are `k`, and `corrections` of these start from the same attempt.
        """
        chosen = {name: self._choose(name, step) for name in set(problem_ids)}
        places = [(first + i) % k // corrections for i in range(len(problem_ids))]
        return [
            samples[place % len(samples)] if (samples := chosen[name]) else None
            for name, place in zip(problem_ids, places, strict=True)
        ]

    def _choose(self, problem_id: str, step: int) -> list[list[int]] | None:
        """The problem's attempts in the order in which its rollouts take them, or None: on-policy."""
        draw = random.Random(json.dumps([self.seed, step, problem_id]))
        if draw.random() >= self.share:
            return None
        samples = self.attempts[problem_id]
        return draw.sample(samples, len(samples))


def read_offline_attempts(
    path: str | Path, prompts: dict[str, list[int]], vocabulary: int
) -> dict[str, list[list[int]]]:
    """The first attempts at each problem of `prompts`, which holds prompt ids by problem id.

    ValueError where the file at `path` does not fit: see `read_first_attempts`.
    """
    attempts: dict[str, list[list[int]]] = {name: [] for name in prompts}
    for (name, _), rollout in sorted(read_first_attempts(path, prompts, None, vocabulary).items()):
        attempts[name].append(rollout.attempts[0])
    return attempts


class StartingFrom:
    """`Generate` that hands out given attempts in turn 1 and has all others sampled.

    given: of each prompt its first attempt, or None. same_number: from how many prompts this rank
    lacks an attempt for, how many it must sample; all ranks as many, since sharded weights (ZeRO-3)
    need every rank in every pass. What was sampled beyond need is dropped, and where the sampler
    tells log-probabilities, given attempts have 0 there.
    """

    def __init__(
        self,
        generate: Generate,
        given: list[list[int] | None],
        same_number: Callable[[int], int] = lambda count: count,
    ):
        self.generate, self.given, self.same_number = generate, given, same_number
        self.first_turn = True

    def __call__(self, prompts: list[list[int]], seeds: list[int] | None) -> list[list[int]]:
        if not self.first_turn:
            return self.generate(prompts, seeds)
        self.first_turn = False
        lacking = [i for i, attempt in enumerate(self.given) if attempt is None]
        others = [i for i, attempt in enumerate(self.given) if attempt is not None]
        asked = sorted(lacking + others[: self.same_number(len(lacking)) - len(lacking)])
        asked_seeds = None if seeds is None else [seeds[i] for i in asked]
        sampled = self.generate([prompts[i] for i in asked], asked_seeds) if asked else []
        if getattr(self.generate, "tell", False):
            told = self.generate.logps.pop() if asked else []
            unknown = [[0.0] * len(attempt or []) for attempt in self.given]
            self.generate.logps.append(self._instead_of_none(unknown, asked, told))
        return self._instead_of_none(self.given, asked, sampled)

    def _instead_of_none(self, rows: list, asked: list[int], found: list) -> list:
        """`rows`, but what was found for `asked` in the place of each attempt that was not given."""
        at = dict(zip(asked, found, strict=True))
        return [at[i] if self.given[i] is None else row for i, row in enumerate(rows)]
