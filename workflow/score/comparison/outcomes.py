"""What a comparison counts: the judged attempts of every instance, at the same problems.

An instance is one training of a policy, `score/seed0`. The part before the slash is its arm, a row
of the table; without seeds the instance is called like its arm.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from score.evaluation.metrics import booleans, means_by_problem, unchanged_answers

COLUMNS = ("problem_id", "correct_t1", "correct_t2", "extracted_t1", "extracted_t2")
SHOWN = 3  # problems named in a message


@dataclass(frozen=True)
class Arm:
    """The outcomes of an arm's instances.

    seeds: what follows the slash in the name of each instance, "" for an arm without seeds.
    outcomes: (seeds, problems, 4) fractions of a problem's rollouts that are right twice, right
    then wrong, wrong then right, and that state the same answer twice. Problems are sorted by id.
    one_rollout: whether every problem has one rollout, so that outcomes are 0 and 1.
    """

    name: str
    seeds: tuple[str, ...]
    outcomes: np.ndarray
    one_rollout: bool


def read_arms(pairs: list[str]) -> list[Arm]:
    """The arms of `instance=attempts.parquet` pairs, both arms and seeds in the given order.

    ValueError names the pair, the file or the problems that don't fit the others.
    """
    grouped, names, reference = {}, set(), None
    for pair in pairs:
        instance, equals, path = pair.partition("=")
        arm, slash, seed = instance.partition("/")
        if not (arm and equals and path) or (slash and not seed):
            raise ValueError(f"--attempts holds {pair!r}; expected arm/seed=path or arm=path.")
        if instance in names:
            raise ValueError(f"--attempts names {instance!r} twice; expected each once.")
        names.add(instance)
        problems, outcomes, one_rollout = _read_outcomes(instance, Path(path))
        if reference is None:
            reference = instance, problems
        elif problems != reference[1]:
            raise ValueError(_differing(instance, problems, *reference))
        grouped.setdefault(arm, []).append((seed, outcomes, one_rollout))
    return [_grouped(arm, instances) for arm, instances in grouped.items()]


def _grouped(name: str, instances: list[tuple]) -> Arm:
    seeds, outcomes, one_rollout = zip(*instances, strict=True)
    if "" in seeds and len(seeds) > 1:
        raise ValueError(
            f"arm {name!r} has an instance without a seed and {len(seeds) - 1} with; expected "
            "either. Leave the results of another config out."
        )
    return Arm(name, seeds, np.stack(outcomes), all(one_rollout))


def _read_outcomes(instance: str, path: Path) -> tuple[list[str], np.ndarray, bool]:
    """Problem ids, their (problems, 4) outcomes, and whether each has one rollout."""
    where = f"attempts of {instance!r}, {path}"
    if not path.is_file():
        raise ValueError(f"{where}: no such file. Judge that instance first.")
    try:
        attempts = pd.read_parquet(path, columns=list(COLUMNS))
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise ValueError(f"{where}: can't be read: {error}. Judge that instance again.") from None
    if attempts["problem_id"].isna().any():
        raise ValueError(f"{where}: problem_id holds a null. Judge that instance again.")
    attempts = attempts.sort_values("problem_id", kind="stable")
    try:
        first, second = (booleans(attempts[name], name) for name in COLUMNS[1:3])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    unchanged = unchanged_answers(attempts["extracted_t1"], attempts["extracted_t2"])
    rollouts = np.stack([first & second, first & ~second, ~first & second, unchanged], axis=1)
    problems = list(attempts["problem_id"].unique())
    outcomes = means_by_problem(rollouts, attempts["problem_id"])
    return problems, outcomes, len(problems) == len(attempts)


def _differing(instance: str, problems: list, other: str, expected: list) -> str:
    missing = [str(name) for name in expected if name not in set(problems)]
    extra = [str(name) for name in problems if name not in set(expected)]
    told = [
        f"{what} {len(names)} ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})"
        for what, names in (("lacks", missing), ("adds", extra))
        if names
    ]
    return (
        f"problems of {instance!r} are not those of {other!r}: it {' and '.join(told)}. "
        "Expected the same for all. Sample and judge it on the same problems."
    )


SPENT = ("attempts", "updates", "tuning_attempts")


def read_budgets(path: str | Path) -> dict[str, dict[str, float | None]]:
    """Arm -> SPENT, counts of at least 0; None where the file has null or nothing, for unknown.

    ValueError names the arm and what is wrong with it.
    """
    try:
        budgets = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"budgets file {path} can't be read as JSON: {error}.") from None
    for arm, spent in _items(budgets, path):
        for key, value in _items(spent, f"{path}, arm {arm!r}"):
            if key not in SPENT:
                raise ValueError(f"{path}: {arm!r} has {key!r}; expected only {sorted(SPENT)}.")
            number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
            if not number and value is not None:
                raise ValueError(
                    f"{path}: {key} of {arm!r} is {value!r}; expected a number or null."
                )
    return {arm: {key: spent.get(key) for key in SPENT} for arm, spent in budgets.items()}


def _items(value, where):
    if not isinstance(value, dict):
        raise ValueError(f"{where}: is {value!r}; expected an object. Write the budgets again.")
    return value.items()
