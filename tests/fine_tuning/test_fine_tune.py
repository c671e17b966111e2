"""Fine-tuning as a command: its settings, killed and started again, and without examples."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from places import ROOT
from score.fine_tuning.examples import Example, write_examples
from score.fine_tuning.fine_tune import fine_tune, provenance
from score.fine_tuning.settings import FineTuneSettings
from score.policies.load import load_policy
from score.sampling.chat_template import template_text
from score.sampling.tokenizers import load_tokenizer
from training_runs import same

BASE = str(ROOT / "data/puzzle/policy")
# Contexts and corrections of many lengths; the ids need not mean anything.
EXAMPLES = [
    Example("p", i, 0, "k", [(7 * i + j) % 140 + 1 for j in range(5 + 2 * i)], 2 + i)
    for i in range(7)
]


SETTINGS = {
    "run_name": "test",
    "objective": "self_taught",
    "random_seed": 5,
    "precision": "float32",
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "learning_rate": 1e-3,
    "lr_scheduler_type": "cosine",
    "num_warmup_steps": 2,
    "save_steps": 10,
}


@pytest.mark.parametrize(
    ("changes", "examples", "updates"),
    [
        ({}, 7, 2),  # one epoch, its last update filled up
        ({}, 8, 2),
        ({}, 1, 1),
        ({"updates": 9}, 7, 9),
    ],
)
def test_updates_follow_from_epochs_or_are_named(changes, examples, updates):
    assert FineTuneSettings(**{**SETTINGS, **changes}).updates_on(examples) == updates


@pytest.mark.parametrize("changes", [{"updates": 0}, {"gradient_accumulation_steps": 0}])
def test_settings_that_train_nothing_are_refused(changes):
    with pytest.raises(ValueError, match=f"{next(iter(changes))} is 0; expected"):
        FineTuneSettings(**{**SETTINGS, **changes})


def test_examples_that_end_within_the_warm_up_are_refused(tmp_path):
    write_examples(tmp_path / "examples.jsonl", EXAMPLES)
    flags = argparse.Namespace(init=BASE, examples=tmp_path / "examples.jsonl")
    with pytest.raises(
        ValueError, match="num_warmup_steps is 2; expected fewer than the 2 updates"
    ):
        provenance(FineTuneSettings(**SETTINGS), flags)
    provenance(FineTuneSettings(**{**SETTINGS, "num_warmup_steps": 1}), flags)


def start(folder, **changes):
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps({**SETTINGS, "updates": 60, **changes}))
    flags = {
        "settings": folder / "settings.json",
        "init": BASE,
        "examples": folder.parent / "examples.jsonl",
        "policy": folder / "policy",
        "records": folder / "training.jsonl",
        "checkpoints": folder / "checkpoints",
    }
    command = [sys.executable, "-m", "score.jobs.launch", "--config", "configs/accelerate/cpu.yaml"]
    command += ["--processes", "1", "--cpus", "1", "-m", "score.fine_tuning.fine_tune"]
    command += [word for key, value in flags.items() for word in (f"--{key}", str(value))]
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True, env={**os.environ}
        )


@pytest.mark.slow
def test_killed_fine_tuning_goes_on_under_its_launcher_and_other_examples_are_refused(tmp_path):
    write_examples(tmp_path / "examples.jsonl", EXAMPLES)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert start(whole).wait(timeout=150) == 0, (whole / "log").read_text()[-3000:]
    process, deadline = start(broken), time.monotonic() + 120
    while not (broken / "checkpoints/checkpoint-10/whole.json").exists():
        assert process.poll() is None and time.monotonic() < deadline, (broken / "log").read_text()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    write_examples(tmp_path / "examples.jsonl", EXAMPLES[1:])
    assert start(broken).wait(timeout=60) != 0
    assert (
        "score.fine_tuning.fine_tune: " in (log := (broken / "log").read_text())
        and "made with examples" in log
    )
    write_examples(tmp_path / "examples.jsonl", EXAMPLES)
    assert start(broken).wait(timeout=150) == 0, (broken / "log").read_text()[-3000:]

    assert "self_taught: resumed after step" in (broken / "log").read_text()
    file = "policy/model.safetensors"
    assert (whole / file).read_bytes() == (broken / file).read_bytes()
    lines = [json.loads(line) for line in (broken / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 61))
    assert {line["stage"] for line in lines} == {"self_taught"}
    assert all(line["step_time"] > 0 for line in lines)
    assert not (broken / "checkpoints").exists()
    load_policy(str(broken / "policy"), "float32")
    load_tokenizer(str(broken / "policy"))


def test_without_examples_the_policy_stays_as_it_is(tmp_path):
    (tmp_path / "examples.jsonl").write_text("")
    (tmp_path / "checkpoints").mkdir()
    flags = argparse.Namespace(
        init=BASE,
        examples=tmp_path / "examples.jsonl",
        policy=tmp_path / "policy",
        records=tmp_path / "training.jsonl",
        checkpoints=tmp_path / "checkpoints",
    )
    fine_tune(FineTuneSettings(**SETTINGS, chat_template="qwen3"), flags)
    kept, before = load_policy(str(flags.policy), "float32"), load_policy(BASE, "float32")
    assert same(dict(kept.named_parameters()), dict(before.named_parameters()))
    assert load_tokenizer(str(flags.policy)).get_vocab() == load_tokenizer(BASE).get_vocab()
    saved = load_tokenizer(str(flags.policy)).chat_template
    assert saved == template_text("qwen3"), "the template that the policy was asked by"
    assert flags.records.read_text() == "" and not flags.checkpoints.exists()
