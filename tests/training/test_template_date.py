"""A training over midnight, and its resume on another day, end with the same weights."""

from argparse import Namespace
from dataclasses import replace

import pytest
import training_runs
from launching import TRAINING
from score.sampling.tokenizers import load_tokenizer
from score.training.checkpoints import newest_whole_checkpoint
from score.training.settings import TrainSettings
from score.training.train import provenance
from templates import policy_with_template, prints_the_date, set_clock
from training_runs import StopAfter, make_trainer, records, same, weights
from transformers import TrainerCallback

DAYS = ("2026-03-11", "2026-03-12")


@pytest.fixture
def policy(tmp_path):
    return policy_with_template(tmp_path, prints_the_date)


class Midnight(TrainerCallback):
    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch

    def on_step_end(self, args, state, control, **kwargs):
        set_clock(self.monkeypatch, DAYS[1])


def _trainer(folder, policy, monkeypatch, template_date, **changes):
    monkeypatch.setattr(
        training_runs, "load_tokenizer", lambda _: load_tokenizer(policy, None, template_date)
    )
    return make_trainer(folder, **changes)


def test_midnight_within_a_training_changes_nothing(policy, tmp_path, monkeypatch):
    set_clock(monkeypatch, DAYS[0])
    quiet = _trainer(tmp_path / "quiet", policy, monkeypatch, None)
    quiet.train()
    late = _trainer(tmp_path / "late", policy, monkeypatch, None)
    late.add_callback(Midnight(monkeypatch))
    late.train()
    assert records(late) == records(quiet) and same(weights(late), weights(quiet))


def test_resume_on_another_day_ends_with_the_same_weights(policy, tmp_path, monkeypatch):
    saving = {"save_strategy": "steps", "save_steps": 2}
    set_clock(monkeypatch, DAYS[0])
    whole = _trainer(tmp_path / "whole", policy, monkeypatch, "2024-07-26", **saving)
    whole.train()
    broken = _trainer(tmp_path / "broken", policy, monkeypatch, "2024-07-26", **saving)
    broken.add_callback(StopAfter(2))
    broken.train()
    set_clock(monkeypatch, DAYS[1])
    resumed = _trainer(tmp_path / "broken", policy, monkeypatch, "2024-07-26", **saving)
    resumed.train(resume_from_checkpoint=newest_whole_checkpoint(str(tmp_path / "broken")))
    assert records(resumed) == records(whole) and same(weights(resumed), weights(whole))


@pytest.mark.parametrize("template_date", ["2024-07-26", None], ids=["fixed", "clock"])
def test_checkpoints_are_of_the_prompts_as_they_were_rendered(policy, template_date, monkeypatch):
    flags = Namespace(
        init=policy, reference=policy, first_attempts=None, validation=None, few_shot_dir=None
    )
    flags.problems = "data/puzzle/problems/train.jsonl"
    settings = TrainSettings(**TRAINING, training_problems=4, template_date=template_date)
    made = []
    for day in DAYS:
        set_clock(monkeypatch, day)
        made.append(provenance(settings, flags))
    differing = {key for key in made[0] if made[0][key] != made[1][key]}
    assert differing == (set() if template_date else {"prompts"})
    other = provenance(replace(settings, first_prompt="fix {question}"), flags)
    assert {key for key in other if other[key] != made[1][key]} == {"first_prompt", "prompts"}
