"""A policy with code of its own is trained where that is trusted, and takes its code along."""

import shutil

import pytest
import torch
from own_code import policy_with_own_code
from peft import LoraConfig
from score.policies.fitness import check_policy
from score.policies.load import declared_generation, load_policy, policy_digest, vocabulary_size
from training_runs import make_trainer, records, weights

LORA = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")


def no_question(prompt=""):
    raise AssertionError(f"asked on the terminal: {prompt}")


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", no_question)
    return policy_with_own_code(tmp_path)


@pytest.mark.parametrize("peft_config", [None, LORA], ids=["full", "lora"])
def test_trained_policy_is_loaded_with_the_code_in_its_own_folder(own, tmp_path, peft_config):
    start = load_policy(own, "float32", trust_remote_code=True)
    trainer = make_trainer(
        tmp_path / "out",
        start,
        peft_config,
        reference=own,
        trust_remote_code=True,
        max_steps=1,
        warmup_steps=0,
    )
    trainer.train()
    assert records(trainer)[0]["grad_norm"] > 0
    trained, saved = weights(trainer), str(tmp_path / "saved")
    trainer.save_model(saved)
    if peft_config is None:
        shutil.rmtree(own)  # whole weights need the base no longer
    check_policy(saved, None, trust_remote_code=True)
    policy = load_policy(saved, "float32", trainable=True, trust_remote_code=True)
    assert "OwnForCausalLM" in repr(policy)
    loaded = {name.replace(".default", ""): p for name, p in policy.named_parameters()}
    for name, value in trained.items():
        assert torch.equal(loaded[name.replace(".default", "")], value), name


def test_code_is_neither_run_nor_asked_about_where_it_is_not_trusted(own):
    for load in (lambda: load_policy(own, "float32"), lambda: vocabulary_size(own)):
        with pytest.raises(ValueError, match="trust_remote_code"):
            load()
    assert declared_generation(own).eos_token_id == 1
    assert len(policy_digest(own)) == 64
