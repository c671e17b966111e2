"""An update on two ranks against one, in trainings that the workflow's launcher starts.

The same 16 rollouts an update of Stage II, of a random 17 M Llama, on configs/accelerate/cpu.yaml. Each
rank has one thread. Seconds are those that training.jsonl has of an update, without the first.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

from score.benchmarks.clock import Taken, by_turns
from score.benchmarks.figures import Target, figure
from score.benchmarks.measured import Left, Measured, Wanted, part_flags
from score.benchmarks.models import random_policy
from score.files.places import REPOSITORY

UPDATES = 3
SETTINGS = {
    "run_name": "benchmark",
    "task_type": "puzzle",
    "objective": "stage_two",
    "random_seed": 5,
    "num_turns": 2,
    "number_output_initial_generations": 8,
    "temperature": 1.0,
    "max_tokens": 32,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 2,
    "local_rollout_forward_batch_size": 16,
    "total_episodes": 16 * UPDATES,
    "learning_rate": 1e-6,
    "lr_scheduler_type": "linear",
    "num_warmup_steps": 1,
    "save_steps": 1000,
    "init_kl_coef": 0.1,
    "corr_kl_coef": 0.1,
    "kl_estimator": "k2",
    "scale_advantages": True,
    "precision": "float32",
    "stop_when_nothing_to_learn": None,
}


def train(policy: str, settings: dict, ranks: int, threads: int) -> Taken:
    """Of a training in `ranks` processes of so many threads the `whole` seconds from start to end, and
    the median of its updates' without the first."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "settings.json").write_text(json.dumps(settings))
        places = {
            "settings": folder / "settings.json",
            "init": policy,
            "reference": policy,
            "problems": REPOSITORY / "data/puzzle/problems/train.jsonl",
            "policy": folder / "policy",
            "records": folder / "training.jsonl",
            "checkpoints": folder / "checkpoints",
        }
        command = [sys.executable, "-m", "score.jobs.launch"]
        command += ["--config", str(REPOSITORY / "configs/accelerate/cpu.yaml")]
        command += ["--processes", str(ranks), "--cpus", str(ranks * threads)]
        command += ["-m", "score.training.train"]
        command += [word for name, place in places.items() for word in (f"--{name}", str(place))]
        started = time.perf_counter()
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )
        whole = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(f"training on {ranks} ranks failed: {done.stdout[-1000:]}")
        lines = (folder / "training.jsonl").read_text().splitlines()
    seconds = [json.loads(line)["step_time"] for line in lines]
    return {"seconds": median(seconds[1:] or seconds), "whole": whole}


def measure(scratch: str, tiny: bool, left: Left) -> dict:
    policy = random_policy("tiny" if tiny else "17M", scratch, "cpu", "float32")
    settings = {**SETTINGS, **({"max_tokens": 8} if tiny else {})}
    shapes = {"one rank": (1, 1), "two ranks": (2, 1)}
    calls = {name: partial(train, policy, settings, *shape) for name, shape in shapes.items()}
    taken = by_turns(calls, 1 if tiny else 5, 0, left)
    pairs = zip(taken["one rank"], taken["two ranks"], strict=True)
    ratios = [one["seconds"] / two["seconds"] for one, two in pairs]
    return {
        "times as fast as one rank": figure(ratios, "x", Target(least=1.5)),
        **{f"seconds, {name}": median(t["seconds"] for t in taken[name]) for name in taken},
    }


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    measured = Measured(flags.output, "cpu", flags.seconds)
    if len(os.sched_getaffinity(0)) < 2:
        measured.put("17M on two ranks", {"skipped": "this machine has one core."})
    else:
        with tempfile.TemporaryDirectory() as scratch:
            measured.take_all([Wanted("17M on two ranks", partial(measure, scratch, flags.tiny))])
    measured.finish()


if __name__ == "__main__":
    main()
