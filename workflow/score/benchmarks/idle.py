"""Seconds of `snakemake` where nothing is to be done.

In a copy of the repository, in which every output of the default config is made as an empty file and
marked as up to date: what is measured is the reading of the config, its checks and the plan.
"""

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from score.benchmarks.clock import Taken, by_turns
from score.benchmarks.figures import Target, figure
from score.benchmarks.measured import Left, Measured, Wanted, part_flags
from score.files.places import REPOSITORY


def snakemake(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "all", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"snakemake {' '.join(words)} failed: {done.stderr[-1000:]}")
    return done.stdout + done.stderr


def finished_copy(folder: Path) -> None:
    """The repository in `folder`, with every output of the default config there."""
    copy = ["git", "-C", str(REPOSITORY), "checkout-index", "--all", f"--prefix={folder}/"]
    subprocess.run(copy, check=True)
    summary = snakemake(folder, "--summary").splitlines()
    heads = [line.split("\t") for line in summary if line.startswith("output_file")]
    rows = [line.split("\t") for line in summary if line.count("\t") == len(heads[0]) - 1]
    for row in rows[1:]:
        path = folder / row[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            path.touch()
        else:
            path.mkdir(exist_ok=True)
            (path / "weights").touch()
    snakemake(folder, "--touch")


def nothing_to_do(folder: Path) -> Taken:
    started = time.perf_counter()
    said = snakemake(folder)
    if "Nothing to be done" not in said:
        raise RuntimeError(f"snakemake found something to do: {said[-1000:]}")
    return {"seconds": time.perf_counter() - started}


def measure(folder: Path, rounds: int, left: Left) -> dict:
    finished_copy(folder)
    taken = by_turns({"idle": partial(nothing_to_do, folder)}, rounds, left=left)["idle"]
    return {"seconds": figure([one["seconds"] for one in taken], "s", Target(most=5.0))}


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    measured = Measured(flags.output, "cpu", flags.seconds)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "repository"
        rounds = 1 if flags.tiny else 5
        measured.take_all([Wanted("snakemake", partial(measure, folder, rounds))])
    measured.finish()


if __name__ == "__main__":
    main()
