"""`score.training.train` as the workflow starts it: under DeepSpeed, interrupted, started again."""

import json
import os
import re
import signal
import time

import pytest
from launching import start_training
from places import ROOT
from score.jobs.lifeline import STOPPED_EARLY

pytestmark = pytest.mark.slow


def wait_for(condition, process, log):
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


def interrupt(folder, step, number, whom):
    """Start the training, signal it after `step`, and return the status it ends with."""
    process = start_training(folder)

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
    process = start_training(whole)
    assert process.wait(timeout=150) == 0, (whole / "log").read_text()[-3000:]

    assert interrupt(broken, 10, signal.SIGKILL, os.killpg) == -signal.SIGKILL
    assert interrupt(broken, 20, signal.SIGUSR1, os.kill) == STOPPED_EARLY
    assert "told to stop: a checkpoint of step" in (broken / "log").read_text()
    assert interrupt(broken, 30, signal.SIGTERM, os.killpg) not in (0, -signal.SIGKILL)
    process = start_training(broken)
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
    assert start_training(folder).wait(timeout=60) != 0
    log = (folder / "log").read_text()
    assert re.search(
        r"^score\.training\.train: .* was made with problems [0-9a-f]+…, now .* rm -r ", log, re.M
    ), log
    assert (folder / "checkpoints" / "checkpoint-10").exists()
