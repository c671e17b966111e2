"""Training records of instances, and which instance each was started from."""

import json
from pathlib import Path

import pandas as pd

from score.comparison.instances import instance_pairs


def read_records(flag: str, pairs: list[str] | None) -> dict[str, pd.DataFrame]:
    """Training records, one frame an instance and one row an update; all numbers, with `step`.

    An instance that comes several times was trained in rounds, whose steps are counted on from one
    to the next; a round that had nothing to learn has no records. ValueError names the instance and
    the file that is missing, malformed or without steps.
    """
    frames: dict[str, pd.DataFrame] = {}
    for name, path in instance_pairs(flag, pairs):
        where = f"records of {name!r}, {path}"
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines]
            frame = pd.DataFrame(rows, columns=None if rows else ["step", "step_time"], dtype=None)
            frame = frame.astype(float) if frame.empty else frame.select_dtypes("number")
        except (OSError, ValueError, AttributeError) as error:
            raise ValueError(f"{where}: {error}. Train that instance again.") from None
        if "step" not in frame:
            raise ValueError(f"{where}: no records with a step. Train that instance again.")
        frame = frame.sort_values("step", ignore_index=True)
        if name in frames:
            frame["step"] += frames[name]["step"].max() if len(frames[name]) else 0
            frame = pd.concat([frames[name], frame], ignore_index=True)
        frames[name] = frame
    return frames


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
