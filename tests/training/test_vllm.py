"""Training through vLLM, on a stand-in for TRL's engine."""

import math

import pytest
import torch
from sampling_runs import STOP
from stand_in_engine import StandIn
from training_runs import make_trainer
from trl.trainer import grpo_trainer


@pytest.fixture
def with_stand_in(monkeypatch, tmp_path):
    """Call it with settings for a trainer that samples through the stand-in."""
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", StandIn)

    def make(off=0.0, **changes):
        trainer = make_trainer(tmp_path, use_vllm=True, vllm_mode="colocate", **changes)
        trainer.vllm_generation.off = off
        return trainer

    return make


def trained(trainer):
    torch.manual_seed(0)
    trainer.train()
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])


def test_turn_1_asks_k_of_each_problem_and_turn_2_one_of_each_history(with_stand_in):
    trainer = with_stand_in(max_steps=2)
    trainer.train()
    assert trainer.vllm_generation.generation_kwargs == {"stop_token_ids": sorted(STOP)}
    calls = trainer.vllm_generation.calls
    assert [call if call == "sync" else call[0] for call in calls] == ["sync", 4, 1] * 2
    for turn_1, turn_2 in ((calls[1][1], calls[2][1]), (calls[4][1], calls[5][1])):
        assert len(turn_1) == len(turn_2) == 16
        assert all(len(set(turn_1[i : i + 4])) == 1 for i in range(0, 16, 4))
        assert len(set(turn_1[::4])) == 4
        assert all(
            b[: len(a)] == a and len(b) > len(a) for a, b in zip(turn_1, turn_2, strict=True)
        )


@pytest.mark.parametrize("kl_estimator", ["k1", "k2"])
def test_engine_of_the_same_distribution_trains_as_no_engine(tmp_path, with_stand_in, kl_estimator):
    """Up to the rounding of its log-probabilities, which come from other batches."""
    changes = {"kl_estimator": kl_estimator, "max_steps": 1, "warmup_steps": 0, "optim": "sgd"}
    start = torch.cat([p.detach().flatten() for p in make_trainer(tmp_path).model.parameters()])
    plain = trained(make_trainer(tmp_path, **changes)) - start
    through = trained(with_stand_in(**changes)) - start
    assert plain.norm() > 0
    assert (through - plain).norm() < 1e-3 * plain.norm()


@pytest.mark.parametrize(
    ("kl_estimator", "weights"),
    [("k1", {0.5: 0.5, 1.5: 1.5, 8.0: 2.0}), ("k2", {8.0: 2.0})],
    ids=["k1", "k2"],
)
def test_tokens_count_by_their_ratio_up_to_the_cap(tmp_path, with_stand_in, kl_estimator, weights):
    """An engine that takes every token for π / ratio as likely scales the whole gradient."""
    changes = {"kl_estimator": kl_estimator, "max_steps": 1, "warmup_steps": 0, "optim": "sgd"}
    changes |= {"max_grad_norm": 0.0}
    start = torch.cat([p.detach().flatten() for p in make_trainer(tmp_path).model.parameters()])
    plain = trained(with_stand_in(**changes)) - start
    for ratio, weight in weights.items():
        weighed = trained(with_stand_in(off=-math.log(ratio), **changes)) - start
        assert (weighed - weight * plain).norm() < 2e-3 * weighed.norm(), ratio


def test_token_of_which_the_engine_tells_nothing_counts_once(tmp_path, with_stand_in):
    changes = {"max_steps": 1, "warmup_steps": 0, "optim": "sgd"}
    start = torch.cat([p.detach().flatten() for p in make_trainer(tmp_path).model.parameters()])
    plain = trained(with_stand_in(**changes)) - start
    trainer = with_stand_in(**changes)
    tell = trainer.vllm_generation.logps
    trainer.vllm_generation.logps = lambda *row: [None, *tell(*row)[1:]]
    assert (trained(trainer) - start - plain).norm() < 1e-3 * plain.norm()
