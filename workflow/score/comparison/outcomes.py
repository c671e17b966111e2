"""What a comparison counts: outcomes of all arms at the same problems, and what their training took."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from score.comparison.instances import by_arm, read_attempts
from score.evaluation.metrics import means_by_problem, unchanged_answers

SPENT = ("attempts", "updates", "tuning_attempts", "tokens")
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
    instances, expected = {}, None
    for name, attempts in read_attempts("--attempts", pairs, ("correct", "extracted")).items():
        attempts = attempts.sort_values("problem_id", kind="stable")
        problems = list(attempts["problem_id"].unique())
        expected = expected or (name, problems)
        if problems != expected[1]:
            raise ValueError(_differing(name, problems, *expected))
        one_rollout = len(problems) == len(attempts)
        instances[name] = name.partition("/")[2], _outcomes(attempts), one_rollout
    return [_joined(arm, seeds) for arm, seeds in by_arm(instances).items()]


def _joined(name: str, instances: list[tuple]) -> Arm:
    seeds, outcomes, one_rollout = zip(*instances, strict=True)
    if "" in seeds and len(seeds) > 1:
        raise ValueError(
            f"arm {name!r} has an instance without a seed and {len(seeds) - 1} with; expected "
            "either. Leave the results of another config out."
        )
    return Arm(name, seeds, np.stack(outcomes), all(one_rollout))


def _outcomes(attempts: pd.DataFrame) -> np.ndarray:
    """(problems, 4) outcomes, see Arm."""
    first, second = (attempts[f"correct_t{turn}"].to_numpy() for turn in (1, 2))
    unchanged = unchanged_answers(attempts["extracted_t1"], attempts["extracted_t2"])
    rollouts = np.stack([first & second, first & ~second, ~first & second, unchanged], axis=1)
    return means_by_problem(rollouts, attempts["problem_id"])


def _differing(instance: str, problems: list, other: str, expected: list) -> str:
    missing = [str(name) for name in expected if name not in set(problems)]
    extra = [str(name) for name in problems if name not in set(expected)]
    differences = [
        f"{what} {len(names)} ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})"
        for what, names in (("lacks", missing), ("adds", extra))
        if names
    ]
    return (
        f"problems of {instance!r} are not those of {other!r}: it {' and '.join(differences)}. "
        "Expected the same for all. Sample and verify it on the same problems."
    )


def read_budgets(path: str | Path) -> dict[str, dict[str, float | None]]:
    """Arm -> SPENT, counts of at least 0; None where the file has null or nothing, for unknown.

    ValueError names the arm and what is wrong with it.
    """
    try:
        budgets = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
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
