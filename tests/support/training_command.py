"""`score.training.train` in this process, cut off where a test wants it and started again."""

import json
from argparse import Namespace
from pathlib import Path

from launching import TRAINING
from places import ROOT
from score.training import train
from score.training.settings import TrainSettings
from training_runs import BASE

PROBLEMS = ROOT / "data/puzzle/problems"
SIZES = {"per_device_train_batch_size": 8, "local_rollout_forward_batch_size": 8}


class Cut(Exception):
    """In place of a kill."""


def settings(updates=8, **changes):
    batch = changes.get("per_device_train_batch_size", 8)
    return TrainSettings(**{**TRAINING, **SIZES, "total_episodes": batch * updates, **changes})


def flags(folder: Path, told: TrainSettings, **changes) -> Namespace:
    names = {name: str(folder / name) for name in ("policy", "checkpoints")}
    names |= {"records": str(folder / "training.jsonl"), "init": BASE, "reference": BASE}
    names |= {"problems": str(PROBLEMS / "train.jsonl"), "few_shot_dir": None}
    validation = str(folder / "validation.jsonl") if told.validation_steps else None
    return Namespace(**{**names, "first_attempts": None, "validation": validation, **changes})


def run_command(folder: Path, told: TrainSettings) -> list[dict]:
    """Train, or go on with training; the lines of training.jsonl without what the clock decides."""
    folder.mkdir(exist_ok=True)
    rows = (PROBLEMS / "test.jsonl").read_text().splitlines(keepends=True)[:10]
    (folder / "validation.jsonl").write_text("".join(rows))
    train.train(told, flags(folder, told))
    return read(folder)


def read(folder: Path) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "step_time"} for line in lines]


def weights_in(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()
