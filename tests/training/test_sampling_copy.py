"""Attempts are sampled from a copy with adapters merged, which is brought up to date in place."""

import pytest
import torch
from architectures import ARCHITECTURES, random_policy
from peft import LoraConfig, get_peft_model
from score.training.mixed_precision import plain_head_in_float32
from score.training.sampling_copy import SamplingCopy, mergeable
from training_runs import make_trainer

LORA = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}


def adapted_trainer(tmp_path, **changes):
    """A trainer of an adapter that is no longer 0."""
    trainer = make_trainer(tmp_path, peft_config=LoraConfig(**LORA), **changes)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.02)
    return trainer


def sampled(trainer):
    torch.manual_seed(0)
    return trainer._sample([row["prompt"] for row in trainer.train_dataset], None)


def logps_of(rollouts):
    return torch.tensor([logp for r in rollouts for turn in r.sampler_logps for logp in turn])


def test_merged_adapters_sample_the_same_tokens_with_the_same_log_probabilities(tmp_path):
    trainer = adapted_trainer(tmp_path, sampler_ratios=True)
    merged = sampled(trainer)
    assert trainer.sampling_copy is not None
    trainer.args.sampling_copy = False
    apart = sampled(trainer)
    assert [r.attempts for r in merged] == [r.attempts for r in apart]
    gaps = (logps_of(merged) - logps_of(apart)).abs()
    assert gaps.mean() < 1e-6 and gaps.max() < 2e-5  # as sampler and trainer differ by rounding
    with trainer.model.disable_adapter():
        assert [r.attempts for r in sampled(trainer)] != [r.attempts for r in apart]


def test_copy_follows_the_policy_in_the_same_memory(tmp_path):
    trainer = adapted_trainer(tmp_path, learning_rate=0.05, warmup_steps=0, max_steps=2)
    sampled(trainer)
    copy = trainer.sampling_copy.model
    places = [weight.data_ptr() for weight in copy.parameters()]
    before = copy.model.layers[0].self_attn.q_proj.weight.clone()
    trainer.train()
    with trainer._sampler() as sampler:
        assert sampler is copy
        ids = torch.arange(2, 30)[None]
        assert [weight.data_ptr() for weight in copy.parameters()] == places
        assert not torch.equal(copy.model.layers[0].self_attn.q_proj.weight, before)
        trainer.model.eval()
        with torch.no_grad():
            torch.testing.assert_close(
                sampler(input_ids=ids).logits,
                trainer.model(input_ids=ids).logits,
                atol=1e-4,
                rtol=1e-4,
            )
    own = {weight.data_ptr() for weight in trainer.model.parameters()}
    assert copy.get_input_embeddings().weight.data_ptr() in own  # only what differs is copied


@pytest.mark.parametrize("adapted", [False, True])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_copy_in_mixed_precision_has_the_logits_of_autocast_on_float32_weights(kind, adapted):
    policy = random_policy(kind)
    plain_head_in_float32(policy)
    if adapted:
        policy = get_peft_model(policy, LoraConfig(**LORA))  # as it begins, B = 0
        if kind == "qwen3_moe":  # whose experts are adapted too
            assert not mergeable(policy)
            return
    copy = SamplingCopy(policy, mixed=True)
    copy.refresh()
    linear = [m for m in copy.model.modules() if type(m) is torch.nn.Linear]
    assert {m.weight.dtype for m in linear[:-1]} == {torch.bfloat16}
    ids = torch.arange(2, 22)[None]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected, found = (p(input_ids=ids).logits for p in (policy.eval(), copy.model))
    assert expected.dtype == found.dtype == torch.float32
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    "change",
    [{"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"lora_bias": True, "bias": "none"}],
)
def test_adapters_that_are_more_than_a_product_of_two_matrices_are_not_merged(change):
    model = get_peft_model(random_policy("qwen2"), LoraConfig(**LORA | change))
    assert not mergeable(model)
    assert mergeable(get_peft_model(random_policy("qwen2"), LoraConfig(**LORA)))


def test_whole_policy_in_float32_is_sampled_from_itself(tmp_path):
    trainer = make_trainer(tmp_path)
    with trainer._sampler() as sampler:
        assert sampler is trainer.model
