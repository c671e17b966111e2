"""Sums of a few numbers, for a language model of 135M weights to learn on.

    python -m score.puzzle.sums --folder data/sums
    python -m score.puzzle.sums --folder data/sums/pairs --numbers 2 --digits 3

writes train.csv and test.csv, problems with their answers, and demonstrations.csv, questions with a
worked solution as attempt 1, for a policy of objective `supervised`. No sum is in two of the files.
"""

import csv
import io
import itertools
import math
import random
from collections.abc import Sequence
from pathlib import Path

from score.files.atomic import replace_file
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)
Numbers = tuple[int, ...]


def most(numbers: int, digits: int) -> int:
    """How many sums there are of so many numbers of so many digits, whatever their order."""
    return math.comb(9 * 10 ** (digits - 1) + numbers - 1, numbers)


def draw(count: int, seed: int, numbers: int = 3, digits: int = 2) -> list[Numbers]:
    """Numbers to add up, no two times the same ones; ValueError for more sums than there are."""
    if numbers < 2 or digits < 1:
        raise ValueError(
            f"numbers is {numbers} and digits {digits}; expected 2 or more numbers of 1 or more "
            "digits. Raise them."
        )
    if not 0 <= count <= most(numbers, digits):
        raise ValueError(
            f"{count} problems are asked for; expected at most {most(numbers, digits)}. "
            "Lower the counts."
        )
    drawn: dict[Numbers, Numbers] = {}
    generator, low, high = random.Random(seed), 10 ** (digits - 1), 10**digits - 1
    while len(drawn) < count:
        some = tuple(generator.randint(low, high) for _ in range(numbers))
        drawn.setdefault(tuple(sorted(some)), some)
    return list(drawn.values())


def question(numbers: Numbers) -> str:
    return " + ".join(map(str, numbers)) + " = ?"


def solution(numbers: Numbers) -> str:
    """The worked solution that a warm start imitates, a step for each number after the first."""
    totals = list(itertools.accumulate(numbers))
    steps = zip(totals, numbers[1:], totals[1:], strict=False)
    return ", ".join(f"{before} + {number} = {after}" for before, number, after in steps)


def write(path: Path, columns: tuple[str, str], rows: Sequence[tuple[str, str | int]]) -> None:
    """A CSV file of two columns, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *rows])
    replace_file(path, text.getvalue().encode())


def main() -> None:
    flags = COMMAND.flags(
        folder={"type": Path, "required": True, "help": "folder to write the files to"},
        train=optional("training problems; default: 4000", type=int, default=4000),
        test=optional("test problems; default: 1000", type=int, default=1000),
        demonstrations=optional("worked solutions; default: 640", type=int, default=640),
        numbers=optional("numbers of a sum; default: 3", type=int, default=3),
        digits=optional("digits of a number; default: 2", type=int, default=2),
        seed=optional("of the drawing; default: 11", type=int, default=11),
    )
    with COMMAND.errors():
        count = flags.train + flags.test + flags.demonstrations
        drawn = draw(count, flags.seed, flags.numbers, flags.digits)
    flags.folder.mkdir(parents=True, exist_ok=True)
    problems, demonstrated = drawn[: flags.train + flags.test], drawn[flags.train + flags.test :]
    asked = [(question(numbers), sum(numbers)) for numbers in problems]
    write(flags.folder / "train.csv", ("question", "answer"), asked[: flags.train])
    write(flags.folder / "test.csv", ("question", "answer"), asked[flags.train :])
    worked = [(question(numbers), solution(numbers)) for numbers in demonstrated]
    write(flags.folder / "demonstrations.csv", ("question", "attempt_1"), worked)


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
