"""A trained policy says what its reference was, so that Stage II is held to the base by itself."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from score.policies.lineage import recorded_reference
from score.policies.load import LINEAGE, load_policy, policy_digest
from training_runs import BASE, make_trainer, moved_policy, records, same, weights

LORA = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")


@pytest.fixture
def base(tmp_path):
    return shutil.copytree(BASE, tmp_path / "base")


def stage_one(folder, base, **changes):
    """Trained and saved from Python alone; the folder's path."""
    trainer = make_trainer(folder, str(base), learning_rate=5e-3, **changes)
    trainer.train()
    trainer.save_model()
    return str(folder)


@pytest.mark.parametrize("peft_config", [None, LORA], ids=["full", "new adapter"])
def test_stage_two_takes_the_base_of_stage_one_as_its_reference(tmp_path, base, peft_config):
    start = stage_one(tmp_path / "one", base)
    trainer = make_trainer(tmp_path / "two", start, objective="stage_two", peft_config=peft_config)
    trainer.train()
    expected = dict(load_policy(BASE, "float32").named_parameters())
    assert same(expected, dict(trainer.ref_model.named_parameters()))
    assert records(trainer)[0]["kl_t1"] != 0.0
    trainer.save_model(str(tmp_path / "two"))
    assert json.loads((tmp_path / "two" / LINEAGE).read_text())["objective"] == "stage_two"
    assert recorded_reference(str(tmp_path / "two"), None) == str(base)


def test_adapter_of_stage_one_says_what_lies_below_it_and_goes_on_over_that(tmp_path, base):
    start = stage_one(tmp_path / "one", base, peft_config=LORA)
    assert recorded_reference(start, None) == str(base)
    policy = load_policy(start, "float32", trainable=True)
    trainer = make_trainer(tmp_path / "two", policy, objective="stage_two")
    assert trainer.reference_is_below_adapter


def test_named_reference_wins_over_the_recorded_one(tmp_path, base):
    start = stage_one(tmp_path / "one", base)
    trainer = make_trainer(tmp_path / "two", start, reference=start, objective="stage_two")
    assert same(weights(trainer), dict(trainer.ref_model.named_parameters()))


@pytest.mark.parametrize("state", ["is gone", "holds other weights now"])
def test_base_that_is_gone_or_changed_is_named_and_not_guessed(tmp_path, base, state):
    start = stage_one(tmp_path / "one", base)
    if state == "is gone":
        shutil.rmtree(base)
    else:
        moved_policy().save_pretrained(base)
    policy_digest.cache_clear()
    with pytest.raises(ValueError, match=rf"{base}', which {state}.*reference="):
        make_trainer(tmp_path / "two", start, objective="stage_two")
    make_trainer(tmp_path / "two", start, reference=BASE, objective="stage_two")


def test_what_is_said_of_a_policy_is_no_part_of_its_digest(tmp_path, base):
    before = policy_digest(str(base))
    (Path(base) / LINEAGE).write_text("{}")
    policy_digest.cache_clear()
    assert policy_digest(str(base)) == before


def test_policy_that_tells_of_no_training_is_its_own_reference(tmp_path, base):
    trainer = make_trainer(tmp_path, str(base), objective="stage_two")
    reference = dict(trainer.ref_model.named_parameters())
    assert all(torch.equal(value, reference[name]) for name, value in weights(trainer).items())
