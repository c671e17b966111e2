"""The number puzzle: a problem family small enough for a policy that trains in seconds.

A problem shows six distinct numbers from 1 to 20 and a target: `4 7 19 13 18 3 make 26`. An attempt
subtracts three of the numbers from the target, one after the other, writing what remains:
`-13 =13 -4 =9 -9 =0`. It solves the problem when nothing remains. The written remainders are
evidence that a second attempt can check: a last remainder other than 0 is a visible mistake.

This file holds the problems (`draw_problems`), the share of them that each use may draw from
(`share_of`), and a noisy solver whose two-turn transcripts the base policy is pretrained on
(`transcript`). Everything is text; the tokenizer makes one token of each word of `vocabulary`.
"""

import hashlib
import itertools
import random
from collections.abc import Iterator

NUMBERS_SHOWN = 6
LARGEST = 20
PICKS = 3

# Which share of all puzzles each use may draw from, in percent. A puzzle falls into one share by a
# hash of its content, so uses never overlap, whatever their sizes and seeds.
SHARES = {"pretrain": 60, "train": 20, "test": 20}


def canonical(numbers: list[int], target: int) -> str:
    """The identity of a puzzle: its numbers in ascending order and its target."""
    return question(sorted(numbers), target)


def share_of(numbers: list[int], target: int) -> str:
    """The share (a key of `SHARES`) that this puzzle belongs to."""
    bucket = int(hashlib.sha256(canonical(numbers, target).encode()).hexdigest(), 16) % 100
    for share, percent in SHARES.items():
        bucket -= percent
        if bucket < 0:
            return share
    raise AssertionError("SHARES must add up to 100")


def draw_problems(share: str, rng: random.Random) -> Iterator[tuple[list[int], int]]:
    """Puzzles (numbers, target) of one share without end; each has at least one solution."""
    while True:
        numbers = rng.sample(range(1, LARGEST + 1), NUMBERS_SHOWN)
        target = sum(rng.sample(numbers, PICKS))
        if share_of(numbers, target) == share:
            yield numbers, target


def solutions(numbers: list[int], target: int) -> list[tuple[int, ...]]:
    """Every triple of the numbers that adds up to the target, in the order of the numbers."""
    return [t for t in itertools.combinations(numbers, PICKS) if sum(t) == target]


def question(numbers: list[int], target: int) -> str:
    return f"{' '.join(map(str, numbers))} make {target}"


def attempt(picks: list[int], target: int) -> str:
    """The picks and running remainders as text; a remainder below zero is written `bust`."""
    words = []
    for pick in picks:
        target -= pick
        words += [f"-{pick}", f"={target}" if target >= 0 else "bust"]
    return " ".join(words)


class NoisySolver:
    """Writes the transcripts that the base policy imitates: often wrong, rarely helpful twice.

    With probability `habit` an attempt begins with the largest number that fits, and continues as near
    to the target as it then can. That is the likeliest single way to begin, so a policy that imitates
    it and decodes greedily does so nearly always, right or not, and can unlearn it in training. Other
    attempts are right with probability `careful`, and else a near miss (`near_miss`) or random.

    The second attempt keeps the first with probability `keep_right` or `keep_wrong`, and otherwise is
    a fresh attempt (`fresh`) or the first with one pick exchanged. `keep_right > keep_wrong` is a weak
    habit of checking, which reinforcement learning can then amplify.
    """

    habit = 0.4
    careful = 0.8
    near_miss = 0.3
    keep_right = 0.45
    keep_wrong = 0.25
    fresh = 0.75

    def __init__(self, rng: random.Random):
        self.rng = rng

    def solve(self, numbers: list[int], target: int) -> list[int]:
        """Three picks in the order in which they are subtracted."""
        drawn = self.rng.random()
        if drawn < self.habit:
            largest = max(number for number in numbers if number <= target)
            rest = [number for number in numbers if number != largest]
            pairs = list(itertools.combinations(rest, PICKS - 1))
            picks = self.rng.choice(_nearest(pairs, target - largest))
            return [largest, *self.rng.sample(picks, PICKS - 1)]
        triples = list(itertools.combinations(numbers, PICKS))
        wrong = [triple for triple in triples if sum(triple) != target]
        if drawn < self.habit + (1 - self.habit) * self.careful:
            picks = self.rng.choice(solutions(numbers, target))
        elif self.rng.random() < self.near_miss:
            picks = self.rng.choice(_nearest(wrong, target))
        else:
            picks = self.rng.choice(wrong)
        return self.rng.sample(picks, PICKS)

    def revise(self, picks: list[int], numbers: list[int], target: int) -> tuple[str, list[int]]:
        """The verdict word and picks of the second attempt."""
        keep = self.keep_right if sum(picks) == target else self.keep_wrong
        if self.rng.random() < keep:
            return "ok", picks
        if self.rng.random() < self.fresh:
            return "fix", self.solve(numbers, target)
        revised = list(picks)
        unused = [number for number in numbers if number not in picks]
        revised[self.rng.randrange(PICKS)] = self.rng.choice(unused)
        return "fix", revised


def _nearest(choices: list[tuple[int, ...]], target: int) -> list[tuple[int, ...]]:
    """Those whose sum is nearest to the target."""
    least = min(abs(sum(choice) - target) for choice in choices)
    return [choice for choice in choices if abs(sum(choice) - target) == least]


def transcript(numbers: list[int], target: int, solver: NoisySolver) -> list[dict[str, str]]:
    """A two-turn conversation about one puzzle, as chat messages."""
    first = solver.solve(numbers, target)
    verdict, second = solver.revise(first, numbers, target)
    return [
        {"role": "user", "content": question(numbers, target)},
        {"role": "assistant", "content": attempt(first, target)},
        {"role": "user", "content": "recheck"},
        {"role": "assistant", "content": f"{verdict} {attempt(second, target)}"},
    ]


def vocabulary() -> list[str]:
    """Every word of the family, in a fixed order; the first three are the special tokens."""
    largest_target = sum(range(LARGEST - PICKS + 1, LARGEST + 1))
    return [
        *("<pad>", "<end>", "<unk>", ":", "make", "recheck", "ok", "fix", "bust"),
        *(str(number) for number in range(1, largest_target + 1)),
        *(f"-{number}" for number in range(1, LARGEST + 1)),
        *(f"={number}" for number in range(largest_target)),
    ]
