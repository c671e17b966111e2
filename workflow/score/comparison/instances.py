"""Instances of a run: how flags name them, their verified attempts and their training records.

An instance is one training of an arm with one seed, such as `score/seed0`. The part before the slash
is the arm, a row of the tables. An arm without seeds has one instance, named like the arm.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from score.evaluation.metrics import booleans, turns_of
from score.files.digests import file_digest
from score.files.made_with import digests_of
from score.files.manifest import MANIFEST, read_checked
from score.files.parquet import read_parquet


def arm_of(instance: str) -> str:
    return instance.partition("/")[0]


def by_arm(instances: dict) -> dict[str, list]:
    """Instance -> value becomes arm -> the values of its instances, both in the given order."""
    arms: dict[str, list] = {}
    for name, value in instances.items():
        arms.setdefault(arm_of(name), []).append(value)
    return arms


def instance_pairs(
    flag: str, pairs: Sequence[str] | None, kind: str = "path"
) -> list[tuple[str, str]]:
    """The `instance=value` arguments of a flag, in order; an instance may have several values.

    pairs: None where the flag was left out. kind: what the values are, for the ValueError about an
    argument of another form.
    """
    parsed = []
    for pair in pairs or []:
        instance, equals, value = pair.partition("=")
        arm, slash, seed = instance.partition("/")
        if not (arm and equals and value) or (slash and not seed):
            expected = f"arm/seed={kind} or arm={kind}"
            raise ValueError(f"{flag} holds {pair!r}; expected {expected}. Correct that pair.")
        parsed.append((instance, value))
    return parsed


def instance_values(flag: str, pairs: Sequence[str] | None, kind: str = "path") -> dict[str, str]:
    """Instance -> value, see `instance_pairs`. ValueError also for an instance that comes twice."""
    values: dict[str, str] = {}
    for instance, value in instance_pairs(flag, pairs, kind):
        if instance in values:
            raise ValueError(f"{flag} names {instance!r} twice; expected each once. Drop one.")
        values[instance] = value
    return values


def read_attempts(
    flag: str, pairs: Sequence[str] | None, columns: Sequence[str], if_present: Sequence[str] = ()
) -> dict[str, pd.DataFrame]:
    """Instance -> its verified attempts, one row a rollout, of `instance=path` arguments of a flag.

    columns: `correct`, as booleans, and others, of which `{column}_t{turn}` is read for every turn.
    if_present: columns that a file may lack. Beside these and problem_id nothing is read. ValueError
    names the instance and its file where that is missing, malformed, empty or lacks a column.
    """
    paths = instance_values(flag, pairs).items()
    return {name: _read_frame(name, path, columns, if_present) for name, path in paths}


def check_made_with(flag: str, pairs: Sequence[str], expected: dict[str, dict[str, str]]) -> None:
    """ValueError that names the instance whose attempts were made with other settings than expected.

    expected: instance -> job (trained, sampled, verified) -> digest, see score.files.made_with.
    """
    for name, path in instance_values(flag, pairs).items():
        try:
            found = digests_of(pq.read_schema(path).metadata)
        except (OSError, ValueError):
            continue  # missing or damaged: said where it is read
        differing = [job for job, wanted in expected[name].items() if found.get(job) != wanted]
        if differing:
            raise ValueError(
                f"attempts of {name!r}, {path}, were {' and '.join(differing)} with other settings than "
                "the config has; expected the same. Go back to those, or have the attempts made anew: "
                f"rm -r {Path(path).parent}"
            )


def _read_frame(name: str, path: str, columns: Sequence[str], if_present: Sequence[str]):
    where = f"attempts of {name!r}, {path}"
    if not Path(path).is_file():
        raise ValueError(f"{where}: no such file. Verify that instance first.")
    try:
        present = pq.read_schema(path).names
        turns = turns_of(present, "correct")
        wanted = ["problem_id", *(f"{column}_t{turn}" for column in columns for turn in turns)]
        if missing := [column for column in wanted if column not in present]:
            raise ValueError(f"columns {missing} are missing")
        frame = read_parquet(path, columns=[*wanted, *(c for c in if_present if c in present)])
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise ValueError(f"{where}: can't be read: {error}. Verify that instance again.") from None
    try:
        if frame["problem_id"].isna().any():
            raise ValueError("problem_id holds a null.")
        verdicts = [column for column in frame if column.startswith("correct_t")]
        return frame.assign(**{column: booleans(frame[column], column) for column in verdicts})
    except ValueError as error:
        raise ValueError(f"{where}: {error} Verify that instance again.") from None


def read_records(flag: str, pairs: Sequence[str] | None) -> dict[str, pd.DataFrame]:
    """Training records, one frame an instance and one row an update; all numbers, with `step`.

    An instance that comes several times was trained in rounds, whose steps are counted on from one
    to the next; a round that had nothing to learn has no records. ValueError names the instance and
    the file that is missing, malformed or without steps.
    """
    frames: dict[str, pd.DataFrame] = {}
    for name, path in instance_pairs(flag, pairs):
        where = f"records of {name!r}, {path}"
        try:
            _refuse_damaged_records(Path(path))
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines]
            frame = pd.DataFrame(rows, columns=None if rows else ["step", "step_time"], dtype=None)
            frame = frame.astype(float) if frame.empty else frame.select_dtypes("number")
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            raise ValueError(f"{where}: {error}. Train that instance again.") from None
        if "step" not in frame:
            raise ValueError(f"{where}: no records with a step. Train that instance again.")
        frame = frame.sort_values("step", ignore_index=True)
        if name in frames:
            frame["step"] += frames[name]["step"].max() if len(frames[name]) else 0
            frame = pd.concat([frames[name], frame], ignore_index=True)
        frames[name] = frame
    return frames


def _refuse_damaged_records(path: Path) -> None:
    """ValueError where the policy beside training.jsonl tells of other records."""
    manifest = path.with_name("policy") / MANIFEST
    told = read_checked(manifest).get("records") if manifest.is_file() else None
    if told is not None and file_digest(path) != told:
        raise ValueError("it is not what that training wrote")


def lineage(instance: str, chain: dict[str, str]) -> list[str]:
    """The instances that an instance was trained from, oldest first, and itself last.

    chain: instance -> the instance it starts from. ValueError for a circle.
    """
    line = [instance]
    while line[0] in chain:
        if chain[line[0]] in line:
            raise ValueError(
                f"--chain leads from {instance!r} back to {line[0]!r}; expected an end."
            )
        line.insert(0, chain[line[0]])
    return line
