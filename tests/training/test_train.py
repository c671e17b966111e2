"""`score.train` as the workflow starts it: under DeepSpeed, interrupted, started again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from score.jobs.lifeline import STOPPED_EARLY

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow
SETTINGS = {
    "run_name": "test",
    "task_type": "puzzle",
    "objective": "stage_two",
    "random_seed": 5,
    "num_turns": 2,
    "number_output_initial_generations": 4,
    "temperature": 1.0,
    "max_tokens": 10,
    "per_device_train_batch_size": 16,
    "gradient_accumulation_steps": 1,
    "local_rollout_forward_batch_size": 16,
    "total_episodes": 16 * 40,
    "learning_rate": 1e-3,
    "lr_scheduler_type": "linear",
    "num_warmup_steps": 4,
    "save_steps": 10,
    "init_kl_coef": 0.1,
    "corr_kl_coef": 0.1,
    "kl_estimator": "k1",
    "scale_advantages": True,
    "precision": "float32",
}


def start(folder):
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(SETTINGS))
    base = str(ROOT / "data/puzzle/policy")
    flags = {
        "settings": folder / "settings.json",
        "init": base,
        "reference": base,
        "problems": folder.parent / "train.jsonl",
        "policy": folder / "policy",
        "records": folder / "training.jsonl",
        "checkpoints": folder / "checkpoints",
    }
    command = [sys.executable, "-m", "score.jobs.launch", "--config", "configs/accelerate/cpu.yaml"]
    command += ["--processes", "1", "--cpus", "1", "-m", "score.training.train"]
    command += [word for key, value in flags.items() for word in (f"--{key}", str(value))]
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True, env={**os.environ}
        )


def wait_for(condition, process, log):
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


def interrupt(folder, step, number, whom):
    """Start the training, signal it after `step`, and return the status it ends with."""
    process = start(folder)

    def there():
        marks = (folder / "checkpoints").glob("checkpoint-*/whole.json")
        return any(int(mark.parent.name[11:]) >= step for mark in marks)

    wait_for(there, process, folder / "log")
    whom(process.pid, number)
    return process.wait(timeout=60)


def test_training_interrupted_in_any_way_ends_as_if_it_had_not_been(tmp_path):
    rows = (ROOT / "data/puzzle/problems/train.jsonl").read_text().splitlines()[:64]
    (tmp_path / "train.jsonl").write_text("\n".join(rows) + "\n")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    process = start(whole)
    assert process.wait(timeout=150) == 0, (whole / "log").read_text()[-3000:]

    assert interrupt(broken, 10, signal.SIGKILL, os.killpg) == -signal.SIGKILL
    assert interrupt(broken, 20, signal.SIGUSR1, os.kill) == STOPPED_EARLY
    assert "told to stop: a checkpoint of step" in (broken / "log").read_text()
    assert interrupt(broken, 30, signal.SIGTERM, os.killpg) not in (0, -signal.SIGKILL)
    process = start(broken)
    assert process.wait(timeout=150) == 0, (broken / "log").read_text()[-3000:]

    assert (broken / "log").read_text().count("resumed after step") == 3
    weights = "policy/model.safetensors"
    assert (whole / weights).read_bytes() == (broken / weights).read_bytes()
    one, other = (
        [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]
        for folder in (whole, broken)
    )
    assert len(one) == 40
    for record in (*one, *other):
        del record["step_time"]
    assert one == other
    assert not (broken / "checkpoints").exists()


def test_a_training_that_would_not_be_the_same_is_refused_in_one_line(tmp_path):
    rows = (ROOT / "data/puzzle/problems/train.jsonl").read_text().splitlines()[:64]
    (tmp_path / "train.jsonl").write_text("\n".join(rows) + "\n")
    folder = tmp_path / "broken"
    interrupt(folder, 10, signal.SIGKILL, os.killpg)
    (tmp_path / "train.jsonl").write_text("\n".join(rows[:60]) + "\n")
    assert start(folder).wait(timeout=60) != 0
    log = (folder / "log").read_text()
    assert re.search(r"^train: .* was made with problems [0-9a-f]+…, now .* rm -r ", log, re.M), log
    assert (folder / "checkpoints" / "checkpoint-10").exists()
