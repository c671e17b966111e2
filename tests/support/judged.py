"""Judged attempts, constructed: outcomes by count, arms of them, and the files of instances."""

import numpy as np
import pandas as pd
from score.comparison.outcomes import Arm


def outcomes(both, lost, gained, neither):
    """Booleans of turn 1 and turn 2 for so many problems of each kind."""
    first = [True] * both + [True] * lost + [False] * gained + [False] * neither
    second = [True] * both + [False] * lost + [True] * gained + [False] * neither
    return np.array(first), np.array(second)


def write_attempts(path, first, second, unchanged=None, ids=None):
    """A file of judged attempts, a row a rollout, and its path.

    unchanged: whether the same answer is stated twice; None: wherever the verdict is the same.
    """
    unchanged = np.equal(first, second) if unchanged is None else unchanged
    ids = range(len(first)) if ids is None else ids
    table = pd.DataFrame(
        {
            "problem_id": [str(number) for number in ids],
            "correct_t1": np.asarray(first, dtype=bool),
            "correct_t2": np.asarray(second, dtype=bool),
            "extracted_t1": "1",
            "extracted_t2": pd.array(np.where(unchanged, "1", "2"), dtype="string"),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(path)
    return path


def arm(name, first, second, seeds=("",)):
    """An arm of (seeds, problems) booleans."""
    first, second = np.atleast_2d(first).astype(bool), np.atleast_2d(second).astype(bool)
    kinds = [first & second, first & ~second, ~first & second, first == second]
    return Arm(name, seeds, np.stack(kinds, axis=-1).astype(float), True)


def random_arm(name, problems, rng, seeds=("",), right=0.5):
    shape = (len(seeds), problems)
    return arm(name, rng.random(shape) < right, rng.random(shape) < right, seeds)
