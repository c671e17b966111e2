"""Mixed precision: float32 weights learn as in float32, with products in bfloat16."""

import pytest
import torch
from score.policies.load import load_policy
from training_runs import BASE, first_update, make_trainer, moved_policy, records, weights


def mixed_trainer(tmp_path, **changes):
    return make_trainer(tmp_path, bf16=True, **changes)


def gradient(trainer, batches):
    trainer.model.zero_grad()
    for batch in batches:
        trainer._compute_loss(trainer.model, batch).backward()
    return torch.cat([p.grad.flatten() for p in trainer.model.parameters()])


def test_gradient_is_that_of_float32_up_to_bfloat16s_rounding(tmp_path):
    changes = {"kl_estimator": "k2", "sampler_ratios": False}
    exact = make_trainer(tmp_path, model=moved_policy(), reference=BASE, **changes)
    mixed = mixed_trainer(tmp_path, model=moved_policy(), reference=BASE, **changes)
    batches = first_update(exact)
    first_update(mixed)
    one, other = gradient(exact, batches), gradient(mixed, batches)
    assert other.dtype == torch.float32 and not torch.equal(one, other)
    assert torch.cosine_similarity(one, other, dim=0) > 0.999
    assert other.norm().item() == pytest.approx(one.norm().item(), rel=0.02)


def test_reference_and_policy_agree_bit_for_bit_before_the_first_update(tmp_path):
    trainer = mixed_trainer(tmp_path)
    assert trainer.mixed
    linear = [m for m in trainer.ref_model.modules() if type(m) is torch.nn.Linear]
    assert {m.weight.dtype for m in linear[:-1]} == {torch.bfloat16}
    batches = first_update(trainer)
    assert trainer._shares_prefixes  # rounding does not pass for another policy
    for batch in batches:
        assert torch.equal(batch["ref_logps"], trainer._no_grad_logps(batch, reference=False))
        gap = (batch["ref_logps"] - batch["sampler_logps"])[batch["turn"] > 0].abs()
        assert 0 < gap.mean() < 0.01  # the sampler's cache rounds elsewhere


def test_learning_is_that_of_float32_and_small_steps_are_kept(tmp_path):
    told = {}
    for name, changes in {
        "float32": {},
        "mixed": {"bf16": True},
        "bfloat16": {"bf16": True, "model": load_policy(BASE, "bfloat16")},
    }.items():
        steps = {"max_steps": 6, "learning_rate": 2e-6, "warmup_steps": 0}
        trainer = make_trainer(tmp_path, per_device_train_batch_size=32, **steps, **changes)
        before = weights(trainer)
        trainer.train()
        moved = [(p - before[n]).float().norm() for n, p in trainer.model.named_parameters()]
        told[name] = torch.stack(moved).norm().item(), records(trainer)
    assert told["mixed"][0] == pytest.approx(told["float32"][0], rel=0.1)
    assert not told["bfloat16"][0] == pytest.approx(told["float32"][0], rel=0.5)
    for one, other in zip(told["float32"][1], told["mixed"][1], strict=True):
        assert other["reward_t2"] == pytest.approx(one["reward_t2"], abs=0.2)
