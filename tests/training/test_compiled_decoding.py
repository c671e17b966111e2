"""Training that samples by a compiled token step is the training that samples by the plain loop."""

import pytest
import torch
from peft import LoraConfig
from traced_step import trace_steps
from training_runs import close, make_trainer, records, weights


def trained(folder, **changes):
    torch.manual_seed(0)
    trainer = make_trainer(folder, max_steps=2, warmup_steps=0, **changes)
    trainer.train()
    return trainer


def test_training_has_the_same_rollouts_and_weights_by_one_graph(tmp_path, monkeypatch):
    """Through all that the trainer puts around the policy's forward pass, as its weights change."""
    graphs = trace_steps(monkeypatch)
    compiled, plain = (trained(tmp_path, compile_decoding=choice) for choice in (True, False))
    assert close(weights(compiled), weights(plain), atol=1e-6)
    for one, other in zip(records(compiled), records(plain), strict=True):
        assert one["reward_t2"] == other["reward_t2"]
    assert len(graphs) == 1


def test_adapter_in_training_is_refused_before_it_samples(tmp_path):
    lora = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    with pytest.raises(ValueError, match="compile_decoding is true and the policy is an adapter"):
        make_trainer(tmp_path, peft_config=lora, compile_decoding=True)


def test_engine_of_its_own_graphs_is_refused(tmp_path):
    with pytest.raises(ValueError, match="rollout_backend 'vllm'; expected false"):
        make_trainer(tmp_path, use_vllm=True, vllm_mode="colocate", compile_decoding=True)
