"""Seconds until each command that the workflow starts is ready to work, in fresh processes.

That is a whole `python -m COMMAND --help`, which has imported all that its module imports and read its
flags; a command that the workflow launches (score.jobs.launch) is launched. And two whole commands with
next to no work to do, from their start to the end of what they write: a rollout sampled, and an update
of 8 rollouts trained under the default launcher. The median of three, or of five where it comes near the
target.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from score.benchmarks.clock import Taken
from score.benchmarks.figures import Target, figure
from score.benchmarks.measured import Left, Measured, Wanted, part_flags
from score.benchmarks.models import PUZZLE
from score.benchmarks.ranks import SETTINGS, train
from score.files.places import REPOSITORY

TARGET, NEAR = Target(most=5.0), 3.5
_LAUNCH = ["-m", "score.jobs.launch", "--config", "configs/accelerate/one_cpu.yaml"]
LAUNCHED = [*_LAUNCH, "--processes", "1", "--cpus", "2"]
SAMPLING = {
    "task_type": "puzzle",
    "random_seed": 1,
    "num_turns": 2,
    "temperature": 0.0,
    "max_tokens": 10,
    "samples": 1,
    "batch_size": 1,
    "precision": "float32",
    "num_problems": 1,
}


def commands() -> dict[str, list[str]]:
    """The words behind `python` that start each command of the rules with --help, by its name."""
    found = {}
    for file in sorted((REPOSITORY / "workflow/rules").glob("*.smk")):
        text = file.read_text(encoding="utf-8")
        for before, name in re.findall(r"(\S+)\s+-m (score\.[\w.]*\w)(?=\s)", text):
            if name != "score.jobs.launch":
                found[name] = [] if before == "python" else LAUNCHED
        for room in re.findall(r"-m (score\.\w+)\.\{", text):
            for module in (REPOSITORY / "workflow" / room.replace(".", "/")).glob("*.py"):
                if "COMMAND = Command(" in module.read_text(encoding="utf-8"):
                    found[f"{room}.{module.stem}"] = []
    return {name: [*before, "-m", name, "--help"] for name, before in sorted(found.items())}


def run(words: list[str]) -> Taken:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=REPOSITORY)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed: {done.stderr[-500:]}")
    return {"seconds": seconds}


def sampling(scratch: str) -> Taken:
    """One greedy rollout, from the start of the command to its end."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    (folder / "settings.json").write_text(json.dumps(SAMPLING))
    words = [*LAUNCHED, "-m", "score.sampling.sample", "--policy", PUZZLE]
    words += ["--settings", str(folder / "settings.json")]
    words += ["--problems", str(REPOSITORY / "data/puzzle/problems/test.jsonl")]
    words += ["--shards", str(folder / "shards"), "--attempts", str(folder / "sampled.parquet")]
    return run(words)


def one_update() -> Taken:
    """One update of the puzzle policy, from the start of the command to the saved policy."""
    settings = {**SETTINGS, "max_tokens": 10, "total_episodes": 8, "gradient_accumulation_steps": 1}
    settings |= {"per_device_train_batch_size": 8, "num_warmup_steps": 0}
    return {"seconds": train(PUZZLE, settings, ranks=1, threads=2)["whole"]}


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    measured = Measured(flags.output, "cpu", flags.seconds)
    found = commands()
    if flags.tiny:
        found = {name: found[name] for name in ("score.problems.prepare", "score.report")}
    with tempfile.TemporaryDirectory() as scratch:
        calls = {name: partial(run, words) for name, words in found.items()}
        if not flags.tiny:
            calls["score.sampling.sample, one rollout"] = partial(sampling, scratch)
            calls["score.training.train, one update"] = one_update
        several = 1 if flags.tiny else 3
        measured.take_all(
            [Wanted(name, partial(_measure, call, several), 6.0) for name, call in calls.items()]
        )
    measured.finish()


def _measure(call: Callable[[], Taken], several: int, left: Left) -> dict:
    """So many times the call, and five times where one of them came near the target."""
    seconds: list[float] = []
    while len(seconds) < several and left() > max(seconds, default=0.0):
        seconds.append(call()["seconds"])
        if several > 1 and seconds[-1] > NEAR:
            several = 5
    return {"start-up": figure(seconds, "s", TARGET)}


if __name__ == "__main__":
    main()
