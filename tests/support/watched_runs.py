"""Runs whose folders are made by hand, as Snakemake and its jobs would leave them at some moment."""

import json
import os
import socket
import time

from score.jobs.listing import JOBS, _began

GONE = {"host": socket.gethostname(), "pid": 2**22 + 1, "began": "1"}
HERE = {"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid())}
ELSEWHERE = {"host": "another", "pid": 1, "began": "1"}
RECORD = {
    "learning_rate": 1e-3,
    "reward_t1": 0.25,
    "reward_t2": 0.5,
    "kl_t1": 0.01,
    "unchanged": 0.7,
}


def job(rule, name, log, *outputs, runs=True, problems=None):
    return {
        "rule": rule,
        "name": name,
        "log": [log],
        "outputs": list(outputs),
        "problems": [problems] if problems else [],
        "runs": runs,
    }


PREPARE = job("prepare_problems", "", "problems/prepare.log", "problems/test.jsonl")
TRAIN = job("train_stage_two", "score", "score/train.log", "score/policy", "score/training.jsonl")
SAMPLE = job(
    "sample_attempts",
    "score/test",
    "score/test/sample.log",
    "score/test/sampled.parquet",
    problems="problems/test.jsonl",
)


def make_run(folder, snakemake, *jobs, began=-100.0):
    """A run with this list of jobs, whose Snakemake was started so many seconds from now."""
    write(folder / JOBS, json.dumps({"snakemake": snakemake, "jobs": jobs}), began)
    return folder


def write(path, text="", at=-50.0):
    """A file that was changed so many seconds from now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time.time() + at,) * 2)
    return path


def write_progress(folder, steps, updates=100, pace=2.0, ago=1.0, nothing=0, **record):
    """What a training has recorded: one update every `pace` seconds, the last `ago` seconds ago."""
    last = time.time() - ago
    rows = [
        {
            "step": step,
            "updates": updates,
            "time": last - pace * (max(steps) - step),
            "started": 5.0,
            "nothing_to_learn": nothing,
            "record": RECORD | record,
        }
        for step in steps
    ]
    write(folder / "checkpoints/progress.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
