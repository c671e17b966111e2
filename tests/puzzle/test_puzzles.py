"""The puzzle family: which puzzles each use may see, and the solver that the base policy imitates."""

import itertools
import json
import random

import pytest
from places import ROOT
from score.puzzle.pretrain import write_problems
from score.puzzle.puzzles import (
    SHARES,
    NoisySolver,
    draw_problems,
    question,
    share_of,
    solutions,
)

PROBLEMS = ROOT / "data/puzzle/problems"


def test_the_shipped_problems_are_those_that_are_made_here(tmp_path):
    write_problems(tmp_path)
    for split in ("train", "test"):
        made, shipped = tmp_path / f"{split}.jsonl", PROBLEMS / f"{split}.jsonl"
        assert made.read_bytes() == shipped.read_bytes(), split


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_shipped_problem_is_of_its_own_share_and_solvable(split):
    for line in (PROBLEMS / f"{split}.jsonl").read_text().splitlines():
        row = json.loads(line)
        shown, target = row["question"].split(" make ")
        numbers, target = [int(number) for number in shown.split()], int(target)
        assert share_of(numbers, target) == split
        assert int(row["level"]) == len(solutions(numbers, target)) > 0


def test_puzzles_of_all_uses_are_disjoint():
    drawn = {
        share: {
            question(sorted(numbers), target)
            for numbers, target in itertools.islice(draw_problems(share, random.Random(0)), 3000)
        }
        for share in SHARES
    }
    for one, other in itertools.combinations(drawn.values(), 2):
        assert not one & other


def test_by_habit_an_attempt_begins_with_the_largest_and_comes_as_near_as_it_then_can():
    rng = random.Random(0)
    solver = NoisySolver(rng)
    solver.habit = 1.0
    assert solver.solve([3, 11, 2, 5, 20, 7], 12)[0] == 11  # 20 does not fit
    wrong = 0
    for numbers, target in itertools.islice(draw_problems("pretrain", rng), 500):
        picks = solver.solve(numbers, target)
        assert picks[0] == max(number for number in numbers if number <= target)
        reach = [
            abs(target - sum(triple))
            for triple in itertools.combinations(numbers, 3)
            if picks[0] in triple
        ]
        assert abs(target - sum(picks)) == min(reach)
        wrong += sum(picks) != target
    assert 100 < wrong < 400  # it is neither always right nor never


def test_a_careful_solver_without_the_habit_is_always_right():
    rng = random.Random(0)
    solver = NoisySolver(rng)
    solver.habit, solver.careful = 0.0, 1.0
    for numbers, target in itertools.islice(draw_problems("pretrain", rng), 500):
        assert sum(solver.solve(numbers, target)) == target
