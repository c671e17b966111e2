"""Policies of today's architectures are trained: one update of Stage I, saved and loaded again."""

import math

import pytest
import torch
import training_runs
from architectures import ARCHITECTURES, ROWS, SECOND_END, TOKENIZER, saved_policy
from peft import LoraConfig
from safetensors.torch import load_file
from score.policies.fitness import check_policy
from score.policies.load import load_policy
from score.sampling.tokenizers import load_tokenizer
from score.training.batches import token_logps
from training_runs import first_update, make_trainer, records, weights, whole_rows
from transformers import AutoModelForCausalLM


def some_pay(attempts, answers):
    """Rewards that differ, since random text is never right."""
    return [float(len(attempt) % 2) for attempt in attempts]


@pytest.fixture
def trainer_of(tmp_path, monkeypatch):
    def make(kind, **changes):
        path = saved_policy(kind, tmp_path)
        # With the policy's own tokenizer, whose padding is its end of turn.
        monkeypatch.setattr(training_runs, "load_tokenizer", lambda _: load_tokenizer(path))
        changes = {"max_steps": 1, "warmup_steps": 0, "kl_estimator": "k2"} | changes
        return path, make_trainer(tmp_path / "out", path, verifier=some_pay, **changes)

    return make


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_update_of_stage_one_scores_as_plain_logits_moves_the_policy_and_is_saved(
    trainer_of, kind, tmp_path
):
    path, trainer = trainer_of(kind, temperature=0.7)
    (batch,) = first_update(trainer)
    _check_scores(path, trainer, batch)
    before = weights(trainer)
    trainer.train()
    (record,) = records(trainer)
    assert math.isfinite(record["loss"]) and math.isfinite(record["grad_norm"])
    assert record["grad_norm"] > 0 and record["kl_t1"] == record["kl_t2"] == 0
    trainer.save_model(str(tmp_path / "saved"))
    _check_saved(tmp_path / "saved", trainer, before)


def _check_scores(path, trainer, batch):
    """Log-probabilities of the fused head equal those of transformers' own class, row by row."""
    with torch.no_grad():
        scored = token_logps(trainer.model.eval(), batch)[0]
    assert torch.allclose(batch["ref_logps"], scored)
    batch = whole_rows(batch | {"ref_logps": scored})
    logps = batch["ref_logps"]
    policy = AutoModelForCausalLM.from_pretrained(path).eval()
    policy.config.output_router_logits = False
    for row in range(len(logps)):
        length = int(batch["attention_mask"][row].sum())
        ids, written = batch["input_ids"][row, :length], batch["turn"][row, :length] > 0
        assert ids.max() < len(TOKENIZER)
        with torch.no_grad():
            logits = policy(ids[None], use_cache=False).logits[0, :-1, : len(TOKENIZER)] / 0.7
        plain = logits.log_softmax(-1).gather(1, ids[1:, None]).squeeze(1)
        assert torch.allclose(logps[row, 1:length][written[1:]], plain[written[1:]], atol=1e-4)


def _check_saved(folder, trainer, before):
    assert check_policy(str(folder)) == ROWS
    policy, trained = load_policy(str(folder), "float32"), weights(trainer)
    assert policy.config.vocab_size == ROWS
    assert set(policy.generation_config.eos_token_id) == {1, SECOND_END}
    assert policy.get_output_embeddings().bias is None
    assert not any("lm_head.bias" in name for name in load_file(folder / "model.safetensors"))
    loaded = dict(policy.named_parameters())
    assert loaded.keys() == trained.keys()
    assert all(torch.equal(loaded[name], value) for name, value in trained.items())
    moved = [name for name, value in trained.items() if not torch.equal(before[name], value)]
    assert any("embed" in name for name in moved) and any("attn" in name for name in moved)


def test_adapter_is_sampled_from_the_tokens_of_the_tokenizer_and_saved_without_its_head(
    trainer_of, tmp_path
):
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    path, trainer = trainer_of("qwen3", temperature=0.7, peft_config=lora)
    (batch,) = first_update(trainer)
    _check_scores(path, trainer, batch)
    trainer.save_model(str(tmp_path / "saved"))
    saved = load_file(tmp_path / "saved/adapter_model.safetensors")
    assert saved and all("lora" in name for name in saved)


def test_policy_whose_scale_of_logits_the_fused_head_does_not_know_is_refused(trainer_of):
    _, trainer = trainer_of("granite")
    trainer.model.config.logits_scaling = 2.0  # after the head was made with 4
    with pytest.raises(ValueError, match="a granite, whose log-prob"):
        trainer.train()
