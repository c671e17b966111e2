"""What analyses read: judged attempts and training records of instances.

An instance is an arm trained with one seed, `score/seed0`; the part before the slash is the arm,
the row of a table. An instance without seeds is called like its arm.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from score.evaluation.metrics import turns_of


def arm_of(instance: str) -> str:
    return instance.partition("/")[0]


def by_arm(instances: dict) -> dict[str, list]:
    """Instance -> value becomes arm -> the values of its seeds, in the given order."""
    arms: dict[str, list] = {}
    for name, value in instances.items():
        arms.setdefault(arm_of(name), []).append(value)
    return arms


def named(flag: str, pairs: list[str] | None) -> dict[str, str]:
    """`instance=value ...` of a flag, in order. ValueError for a malformed or repeated one."""
    values: dict[str, str] = {}
    for name, value in named_often(flag, pairs):
        if name in values:
            raise ValueError(f"{flag} names {name!r} twice; expected each once. Drop one of them.")
        values[name] = value
    return values


def named_often(flag: str, pairs: list[str] | None) -> Iterator[tuple[str, str]]:
    """The same where an instance may have several values. ValueError for a malformed pair."""
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise ValueError(f"{flag} holds {pair!r}; expected policy=value. Mend that pair.")
        yield name, value


def read_attempts(
    flag: str, pairs: list[str] | None, needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, pd.DataFrame]:
    """Judged attempts, one frame an instance: problem_id, of every turn the columns
    `{needed}_t{turn}`, and of `optional` what there is. Other columns stay unread.

    ValueError names the policy and the file that is missing, malformed or incomplete.
    """
    return {
        name: _read_frame(name, Path(path), needed, optional)
        for name, path in named(flag, pairs).items()
    }


def _read_frame(name: str, path: Path, needed: tuple, optional: tuple) -> pd.DataFrame:
    where = f"attempts of policy {name!r}, {path}"
    if not path.is_file():
        raise ValueError(f"{where}: no such file. Judge that policy first.")
    try:
        present = pq.read_schema(path).names
        turns = turns_of(present, "correct")
        wanted = ["problem_id", *(f"{prefix}_t{turn}" for prefix in needed for turn in turns)]
        wanted += [column for column in optional if column in present]
        missing = [column for column in wanted if column not in present]
        if missing:
            raise ValueError(f"columns {missing} are missing")
        frame = pd.read_parquet(path, columns=list(dict.fromkeys(wanted)))
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise ValueError(f"{where}: {error}. Judge that policy again.") from None
    if frame.empty:
        raise ValueError(f"{where}: no rows; expected a rollout a row. Judge that policy again.")
    for column in frame:
        if column.startswith("correct_t") and frame[column].dtype != bool:
            raise ValueError(
                f"{where}: {column} is not all true or false. Judge that policy again."
            )
    return frame


def read_records(flag: str, pairs: list[str] | None) -> dict[str, pd.DataFrame]:
    """Training records, one frame an instance and one row an update; all numbers, with `step`.

    An instance that is named several times was trained in rounds, whose steps follow on each other; a
    round that had nothing to learn has no records.
    ValueError names the policy and the file that is missing, malformed or empty.
    """
    frames: dict[str, pd.DataFrame] = {}
    for name, path in named_often(flag, pairs):
        where = f"records of policy {name!r}, {path}"
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines]
            frame = pd.DataFrame(rows, columns=None if rows else ["step", "step_time"], dtype=None)
            frame = frame.astype(float) if frame.empty else frame.select_dtypes("number")
        except (OSError, ValueError, AttributeError) as error:
            raise ValueError(f"{where}: {error}. Train that policy again.") from None
        if "step" not in frame:
            raise ValueError(f"{where}: no records with a step. Train that policy again.")
        frame = frame.sort_values("step", ignore_index=True)
        if name in frames:
            frame["step"] += frames[name]["step"].max() if len(frames[name]) else 0
            frame = pd.concat([frames[name], frame], ignore_index=True)
        frames[name] = frame
    return frames


def lineage(instance: str, chain: dict[str, str]) -> list[str]:
    """The instances that lead to this one, oldest first, and itself last. ValueError for a circle."""
    line = [instance]
    while line[0] in chain:
        if chain[line[0]] in line:
            raise ValueError(
                f"--chain leads from {instance!r} back to {line[0]!r}; expected an end."
            )
        line.insert(0, chain[line[0]])
    return line


def per_problem(problem_ids: pd.Series, values: pd.DataFrame) -> pd.DataFrame:
    """Means over the rollouts of a problem, so that each problem counts once; index: problem."""
    return values.astype(float).groupby(problem_ids.to_numpy()).mean()


def outcomes(attempts: pd.DataFrame, before: int = 1, after: int = 2) -> pd.DataFrame:
    """Accuracies, delta and both kinds of change between two turns, one row a problem."""
    first = attempts[f"correct_t{before}"].astype(float)
    second = attempts[f"correct_t{after}"].astype(float)
    values = {
        "accuracy_t1": first,
        "accuracy_t2": second,
        "delta": second - first,
        "incorrect_to_correct": (1 - first) * second,
        "correct_to_incorrect": first * (1 - second),
    }
    return per_problem(attempts["problem_id"], pd.DataFrame(values))
