"""A policy with code of its own is trained where that is trusted, and takes its code along."""

import json
import shutil
from copy import copy
from pathlib import Path

import pytest
import torch
from own_code import BASE, policy_with_own_code
from peft import LoraConfig, get_peft_model
from score.policies.fitness import check_policy
from score.policies.load import declared_generation, load_policy, policy_digest, vocabulary_size
from score.policies.memory import size_of
from score.sampling.tokenizers import load_tokenizer
from training_runs import make_trainer, records, weights

LORA = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A policy with code of its own, where every question on the terminal is answered by y."""
    asked = []
    monkeypatch.setattr("builtins.input", lambda prompt="": asked.append(prompt) or "y")
    yield policy_with_own_code(tmp_path)
    assert not asked


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


def test_code_is_neither_run_nor_asked_about_where_it_is_not_trusted(own, tmp_path):
    ran = tmp_path / "ran"
    code = Path(own, "modeling_own.py")
    tokenizer = "\nfrom transformers import PreTrainedTokenizerFast as OwnTokenizer\n"
    code.write_text(f"open({str(ran)!r}, 'w')\n{code.read_text()}{tokenizer}")
    settings = Path(own, "tokenizer_config.json")
    own_class = {"auto_map": {"AutoTokenizer": [None, "modeling_own.OwnTokenizer"]}}
    own_class |= {"tokenizer_class": "OwnTokenizer"}
    settings.write_text(json.dumps(json.loads(settings.read_text()) | own_class))
    adapter = tmp_path / "adapter"
    start = load_policy(BASE, "float32")
    get_peft_model(start, copy(LORA)).save_pretrained(adapter)
    shutil.copy("data/puzzle/policy/tokenizer.json", adapter)
    named = json.loads((adapter / "adapter_config.json").read_text())
    named["base_model_name_or_path"] = own
    (adapter / "adapter_config.json").write_text(json.dumps(named))
    for load in (
        lambda: check_policy(own),
        lambda: check_policy(str(adapter)),
        lambda: load_policy(own, "float32"),
        lambda: load_policy(str(adapter), "float32"),
        lambda: vocabulary_size(own),
        lambda: load_tokenizer(own),
        lambda: size_of(own),
        lambda: make_trainer(tmp_path / "out", own),
        lambda: make_trainer(tmp_path / "out", BASE, reference=own),
        lambda: make_trainer(tmp_path / "out", BASE, reference=str(adapter)),
    ):
        with pytest.raises(ValueError, match="trust_remote_code"):
            load()
    assert declared_generation(own).eos_token_id == 1
    assert len(policy_digest(own)) == 64
    assert not ran.exists()
