"""Parts of a check or benchmark, each a process of its own: one that fails leaves the others alone."""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from score.files.atomic import replace_file
from score.jobs.command import REFUSED, Command

GRACE = 5.0  # seconds that a part may take to end after its time is over


def allotted(needs: list[float], left: float) -> float:
    """Of the seconds left those for the first of several that need so many: its share where they are too
    few for all, else also what the others do not need."""
    whole, left = sum(needs), max(left, 0.0)
    return left - whole + needs[0] if left >= whole else left * needs[0] / whole


def run_part(
    module: str,
    path: Path,
    flags: argparse.Namespace,
    seconds: float,
    shown: bool = False,
    grace: float = GRACE,
) -> dict:
    """What the module measured in that time; `ended` says how, where it was not by itself.

    path: the JSON file that it writes. shown: whether what it prints is seen; else that goes to log.txt
    beside the file, where errors always go. grace: seconds until a part that goes on is cut.
    """
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", module, "--output", str(path)]
    command += ["--seconds", f"{seconds:.0f}", "--device", flags.device]
    command += ["--tiny"] * flags.tiny + (["--model", flags.model] if flags.model else [])
    with (path.parent / "log.txt").open("ab") as log:
        started = subprocess.Popen(
            command, stdout=None if shown else log, stderr=log, start_new_session=True
        )
        try:
            status = started.wait(seconds + grace)
            ended = f"ended with status {status}, see log.txt"
        except subprocess.TimeoutExpired:
            ended = f"cut after {seconds + grace:.0f} s"
        finally:
            _end_group(started)
    results = json.loads(path.read_text()) if path.is_file() else {"finished": False}
    if not results["finished"]:
        results["ended"] = ended
        write_json(path, results)
    return results


def write_json(path: Path, results: dict) -> None:
    replace_file(path, f"{json.dumps(results, indent=1)}\n".encode())


def _end_group(started: subprocess.Popen) -> None:
    """End the part and all that it started."""
    try:
        os.killpg(started.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    started.wait()


def chosen_parts(command: Command, parts: str, known: list[str], flag: str) -> list[str]:
    """The parts that a flag names; ends the command where one is unknown."""
    unknown = [part for part in parts.split(",") if part not in known]
    if unknown:
        command.end(
            f"{flag} names {', '.join(unknown)}; expected some of {', '.join(known)}. Correct it.",
            REFUSED,
        )
    return parts.split(",")
