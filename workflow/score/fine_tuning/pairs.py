"""Which pairs (attempt 1, correction) supervised fine-tuning imitates (method of STaR, STaSC, Pair-SFT).

Pure rules over tables of judged attempts, one row a rollout. A correction that was cut off at the
token limit is never in a pair, whatever its verdict: it would teach a policy not to end. A cut-off
attempt 1 may be, since that is how some attempts look that need correcting.
"""

import json
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import pandas as pd

_NAMES = {True: "correct", False: "incorrect"}


@dataclass(frozen=True)
class Conversation:
    """Turns of a policy as token ids, the last of which is imitated and those before are its context.

    sample, correction: of a rollout its own numbers; of pairs of samples, the number of the sample that
    stands for either. kind: what the last turn is, e.g. incorrect_to_correct. turns: such as an attempt
    and a correction of it. texts: theirs.
    """

    problem_id: str
    sample: int
    correction: int
    kind: str
    prompt_ids: list[int]
    turns: tuple[list[int], ...]
    texts: tuple[str, ...]


def is_kept(score_t1: float, score_t2: float, keep: str, keep_from: float) -> bool:
    """Whether a correction with these scores is worth imitating.

    improving (STaSC's I, STaR's D): it scores more than the attempt. non_decreasing (N, D+): also
    where both score the same and at least `keep_from`.
    """
    equal = keep == "non_decreasing" and score_t2 == score_t1 >= keep_from
    return score_t2 > score_t1 or equal


def self_taught_pairs(
    rollouts: pd.DataFrame, keep: str, keep_from: float, most: int | None, seed: int
) -> list[Conversation]:
    """The kept rollouts, each correction with the attempt that it answered.

    rollouts: prompt_ids, and for t = 1, 2 ids, attempt, truncated, score and correct. most: pairs of
    a problem of each kind, drawn by `seed` without preferring any; None: all.
    """
    candidates = defaultdict(list)
    for row in rollouts.itertuples():
        if not row.truncated_t2 and is_kept(row.score_t1, row.score_t2, keep, keep_from):
            candidates[row.problem_id, kind(row.correct_t1, row.correct_t2)].append(row)
    return [
        Conversation(
            problem_id,
            int(row.sample),
            int(row.correction),
            became,
            whole(row.prompt_ids),
            (whole(row.ids_t1), whole(row.ids_t2)),
            (row.attempt_t1, row.attempt_t2),
        )
        for (problem_id, became), rows in candidates.items()
        for row in drawn(rows, most, seed, problem_id, became)
    ]


def sample_pairs(
    attempts: pd.DataFrame, keep: str, most: int | None, seed: int
) -> list[Conversation]:
    """Pairs of samples of one problem: a wrong and a right one, and with non_decreasing two right ones.

    attempts: prompt_ids, and ids, attempt, truncated and correct of turn 1; each sample counts once,
    however many corrections follow it. most, seed: as above.
    """
    pairs, by_problem = [], defaultdict(list)
    for row in attempts.drop_duplicates(["problem_id", "sample"]).itertuples():
        by_problem[row.problem_id].append(row)
    for problem_id, rows in by_problem.items():
        right = [row for row in rows if row.correct_t1]
        wrong = [row for row in rows if not row.correct_t1]
        for befores in (wrong, right) if keep == "non_decreasing" else (wrong,):
            became = kind(befores is right, True)
            afters = [row for row in right if not row.truncated_t1]
            pairs += [
                Conversation(
                    problem_id,
                    int(before.sample),
                    int(after.sample),
                    became,
                    whole(before.prompt_ids),
                    (whole(before.ids_t1), whole(after.ids_t1)),
                    (before.attempt_t1, after.attempt_t1),
                )
                for before, after in _two_of(befores, afters, most, seed, problem_id, became)
            ]
    return pairs


def _two_of(
    befores: list, afters: list, most: int | None, seed: int, problem_id: str, kind: str
) -> Iterator[tuple]:
    """At most `most` of all pairs of different rows, drawn by number: they may be tens of thousands."""
    place = {id(row): i for i, row in enumerate(afters)}
    counts = [len(afters) - (id(row) in place) for row in befores]
    ends = list(accumulate(counts))
    for number in drawn(range(ends[-1] if ends else 0), most, seed, problem_id, kind):
        row = bisect_right(ends, number)
        after = number - (ends[row] - counts[row])
        after += after >= place.get(id(befores[row]), len(afters))  # passes over itself
        yield befores[row], afters[after]


def kind(correct_before: bool, correct_after: bool) -> str:
    """What a correction made of an answer, as the metrics call it."""
    return f"{_NAMES[bool(correct_before)]}_to_{_NAMES[bool(correct_after)]}"


def whole(values) -> list[int]:
    """Token ids of a table as plain whole numbers."""
    return [int(value) for value in values]


def drawn(
    candidates: Sequence, most: int | None, seed: int, problem_id: str, kind: str
) -> Sequence:
    """At most `most` candidates in their order; the draw hangs on seed, problem and kind alone."""
    if most is None or len(candidates) <= most:
        return candidates
    generator = random.Random(json.dumps([seed, problem_id, kind]))
    return [candidates[i] for i in sorted(generator.sample(range(len(candidates)), most))]
