"""What the sampler tells of its tokens is what the trainer works out from the finished rows."""

import pytest
import torch
from sampling_runs import BRIDGE, POLICY, STOP, TOKENIZER, ragged_prompts
from score.policies.load import load_policy
from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.rollout import sample_rollouts
from score.sampling.sampler_logps import tell_logps
from score.training.batches import pad_rollouts, token_logps
from training_runs import BASE
from trl.trainer.utils import add_fused_lm_head


def sampled(temperature, tell, seeds=None, policy=POLICY):
    """Rollouts of ragged prompts in several left-padded batches, and their engine."""
    config = sampling_config(10, temperature, STOP, TOKENIZER.pad_token_id)
    engine = HFGenerate(policy, config, 5, tell)
    torch.manual_seed(0)
    rollouts = sample_rollouts(ragged_prompts(), BRIDGE, engine, STOP, 2, seeds)
    return rollouts, engine


@pytest.mark.parametrize("temperature", [0.7, 1.7])
@pytest.mark.parametrize("seeds", [None, [[i, 50 + i] for i in range(12)]], ids=["torch", "seeds"])
def test_told_log_probabilities_are_those_of_the_trainer(temperature, seeds):
    """With weights in float64, or passes on batches of other shapes differ by up to 4e-5 themselves."""
    policy = load_policy(BASE, "float32").eval().double()
    rollouts, engine = sampled(temperature, True, seeds, policy)
    tell_logps(rollouts, engine.logps)
    lengths = {len(attempt) for rollout in rollouts for attempt in rollout.attempts}
    ended = {rollout.truncated[0] for rollout in rollouts}
    assert len(lengths) > 1 and False in ended, "too alike to tell anything"
    add_fused_lm_head(policy, temperature=temperature)
    batch = pad_rollouts(rollouts, TOKENIZER.pad_token_id)
    with torch.no_grad():
        logps = token_logps(policy, batch)[0]
    assert (batch["sampler_logps"] - logps).abs().max() < 1e-5
    assert (batch["sampler_logps"] < -0.01).any()


def test_telling_changes_no_attempt_and_is_not_done_unasked():
    told, silent = sampled(1.0, True), sampled(1.0, False)
    assert told[0] == silent[0]
    assert silent[1].logps == []
