"""Policies of today's architectures are sampled as they are: their tokens, ends, windows and experts."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from architectures import ARCHITECTURES, BRIDGE, ROWS, SECOND_END, TOKENIZER, ragged, saved_policy
from own_code import policy_with_own_code
from sampling_runs import BASE, SETTINGS
from score.jobs.distributed import inference_accelerator
from score.problems.problem import read_problems
from score.sampling.rollout import sample_rollouts
from score.sampling.sample import load_generate
from score.sampling.sampler_logps import tell_logps
from score.sampling.sampling_plan import SamplingPlan
from transformers import AutoModelForCausalLM

COUNT, LIMIT, TEMPERATURE = 24, 40, 3.0
PROBLEMS = read_problems("data/puzzle/problems/test.jsonl")[:1]


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """Call it with an architecture for its saved policy, and two turns as a job samples them."""

    @cache
    def of(kind: str, batch: int = COUNT):
        path = saved_policy(kind, Path(tmp_path_factory.mktemp("policies")))
        settings = replace(SETTINGS, max_tokens=LIMIT, batch_size=batch, temperature=TEMPERATURE)
        plan = SamplingPlan(settings, path, PROBLEMS, [])
        generate, stop_ids = load_generate(plan, inference_accelerator())
        generate.tell = True
        seeds = [[i, 100 + i] for i in range(COUNT)]
        rollouts = sample_rollouts(ragged(COUNT), BRIDGE, generate, stop_ids, 2, seeds)
        tell_logps(rollouts, generate.logps)
        return path, rollouts

    return of


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_attempts_are_tokens_of_the_tokenizer_and_end_at_every_end_that_the_policy_declares(
    sampled, kind
):
    _, rollouts = sampled(kind)
    ends = {1, SECOND_END}
    attempts = [attempt for rollout in rollouts for attempt in rollout.attempts]
    assert max(map(max, attempts)) < len(TOKENIZER) < ROWS
    assert {attempt[-1] for attempt in attempts if len(attempt) < LIMIT} == ends
    assert not any(ends.intersection(attempt[:-1]) for attempt in attempts)
    for rollout in rollouts:
        assert rollout.truncated == [a[-1] not in ends for a in rollout.attempts]
        written_end = rollout.attempts[0][-1] == BRIDGE.end  # then it is not written again
        assert rollout.bridges == [list(BRIDGE.ids[written_end:])]


@pytest.mark.parametrize("batch", [5, COUNT], ids=["each turn anew", "turn 2 goes on from turn 1"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_both_turns_have_the_probabilities_of_one_pass_without_cache_and_padding(
    sampled, kind, batch
):
    """Of the tokenizer's tokens alone, by transformers' own class: windows, sinks, caps and routers."""
    path, rollouts = sampled(kind, batch)
    policy = AutoModelForCausalLM.from_pretrained(path).eval()
    policy.config.output_router_logits = False
    for rollout in rollouts:
        ids, turn = rollout.tokens()
        with torch.no_grad():
            logits = policy(torch.tensor([ids]), use_cache=False).logits[0, :-1]
        plain = (logits[:, : len(TOKENIZER)] / TEMPERATURE).log_softmax(-1)
        told, written = torch.tensor(rollout.token_logps()), torch.tensor(turn) > 0
        token = torch.tensor(ids)
        expected = plain[torch.arange(len(ids) - 1), token[1:].clamp(max=len(TOKENIZER) - 1)]
        assert torch.allclose(told[1:][written[1:]], expected[written[1:]], atol=1e-4)


def test_trusted_code_and_an_implementation_of_attention_reach_the_policy_that_is_sampled(
    tmp_path, monkeypatch
):
    monkeypatch.delattr("builtins.input")  # nothing is asked on the terminal
    path = policy_with_own_code(tmp_path)
    with pytest.raises(ValueError, match="trust_remote_code"):
        SamplingPlan(SETTINGS, path, PROBLEMS, [])
    settings = replace(SETTINGS, trust_remote_code=True, attn_implementation="eager")
    plan = SamplingPlan(settings, path, PROBLEMS, [])
    generate, _ = load_generate(plan, inference_accelerator())
    assert type(generate.model).__name__ == "OwnForCausalLM"
    assert generate.model.config._attn_implementation == "eager"
    prompt = next(iter(plan.prompts.values()))
    plain, _ = load_generate(SamplingPlan(SETTINGS, BASE, PROBLEMS, []), inference_accelerator())
    assert generate([prompt], [3]) == plain([prompt], [3])  # its code is Llama's under its own name
