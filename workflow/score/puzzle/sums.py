"""Sums of three numbers of two digits, for a language model of 135M weights to learn on.

    python -m score.puzzle.sums --folder data/sums

writes train.csv and test.csv, problems with their answers, and questions with a solution as attempt 1,
for a policy of objective `supervised`: demonstrations.csv has both steps of it, and
one_step_demonstrations.csv, of the same questions, has one. No other sum is in two of the files.
"""

import csv
import io
import math
import random
from collections.abc import Sequence
from pathlib import Path

from score.files.atomic import replace_file
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)
Numbers = tuple[int, int, int]
MOST = math.comb(90 + 3 - 1, 3)  # triples of 90 numbers, whatever their order


def draw(count: int, seed: int) -> list[Numbers]:
    """Triples of numbers from 10 to 99, no two of the same; ValueError for more than there are."""
    if not 0 <= count <= MOST:
        raise ValueError(
            f"{count} problems are asked for; expected at most {MOST}. Lower the counts."
        )
    drawn: dict[tuple[int, ...], Numbers] = {}
    generator = random.Random(seed)
    while len(drawn) < count:
        numbers = (generator.randint(10, 99), generator.randint(10, 99), generator.randint(10, 99))
        drawn.setdefault(tuple(sorted(numbers)), numbers)
    return list(drawn.values())


def question(numbers: Numbers) -> str:
    return " + ".join(map(str, numbers)) + " = ?"


def solution(numbers: Numbers) -> str:
    """The worked solution, in two steps, that a warm start imitates."""
    first, second, third = numbers
    total = first + second
    return f"{first} + {second} = {total}, {total} + {third} = {total + third}"


def one_step_solution(numbers: Numbers) -> str:
    """The shortest solution: the sum and what it comes to, half as many tokens, and harder to get right."""
    return " + ".join(map(str, numbers)) + f" = {sum(numbers)}"


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
        seed=optional("of the drawing; default: 11", type=int, default=11),
    )
    with COMMAND.errors():
        drawn = draw(flags.train + flags.test + flags.demonstrations, flags.seed)
    flags.folder.mkdir(parents=True, exist_ok=True)
    problems, demonstrated = drawn[: flags.train + flags.test], drawn[flags.train + flags.test :]
    asked = [(question(numbers), sum(numbers)) for numbers in problems]
    write(flags.folder / "train.csv", ("question", "answer"), asked[: flags.train])
    write(flags.folder / "test.csv", ("question", "answer"), asked[flags.train :])
    for name, of in (("demonstrations", solution), ("one_step_demonstrations", one_step_solution)):
        worked = [(question(numbers), of(numbers)) for numbers in demonstrated]
        write(flags.folder / f"{name}.csv", ("question", "attempt_1"), worked)


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
