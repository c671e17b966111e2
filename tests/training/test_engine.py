"""What a vLLM engine reads of a policy with an adapter, without vLLM: TRL's own reading is beside it."""

import copy
from contextlib import nullcontext
from types import MethodType, SimpleNamespace

import pytest
import torch
from architectures import random_policy
from peft import LoraConfig, get_peft_model
from score.sampling.stop_strings import StopIds
from score.training.engine import merged_weights, prepare_engine
from trl.generation.vllm_generation import VLLMGeneration


def generation_of(policy, **told):
    """As much of a VLLMGeneration as reads weights."""
    dist = SimpleNamespace(gather_params=lambda params: nullcontext(), is_fsdp=False)
    generation = SimpleNamespace(model=policy, _dist=dist, temperature=1.0, **told)
    for name in ("_fix_param_name_to_vllm", "_iter_named_params"):
        setattr(generation, name, MethodType(getattr(VLLMGeneration, name), generation))
    return generation


def adapted(architecture="llama", dtype=torch.float32):
    torch.manual_seed(0)
    policy = random_policy(architecture).to(dtype)
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    return get_peft_model(policy, config)


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_names_and_weights_are_those_that_trl_reads(architecture):
    policy = adapted(architecture)
    generation = generation_of(policy)
    expected = {name: weight.clone() for name, weight in generation._iter_named_params()}
    found = [(name, weight.clone()) for name, weight in merged_weights(generation)]
    assert len(found) == len(dict(found)) and dict(found).keys() == expected.keys()
    for name, weight in found:
        torch.testing.assert_close(weight, expected[name], msg=name)


def test_frozen_weights_keep_their_bits_however_often_they_are_read():
    policy = adapted(dtype=torch.bfloat16)
    before = copy.deepcopy(policy.state_dict())
    generation = generation_of(policy)

    def changed():
        now = policy.state_dict()
        return [name for name in before if not torch.equal(before[name], now[name])]

    for _ in range(3):
        for _ in generation._iter_named_params():
            pass
    assert changed()  # TRL's own reading
    policy.load_state_dict(before)
    prepare_engine(generation, StopIds({3}), "colocate")
    assert generation.generation_kwargs == {"stop_token_ids": [3]}
    for _ in range(3):
        for _ in generation._iter_named_params():
            pass
    assert changed() == []


def test_server_must_tell_log_probabilities_of_what_it_samples():
    class Client:
        def __init__(self, mode):
            self.get_server_info = lambda: {"model_config": {"logprobs_mode": mode}}

    def prepared(mode, temperature):
        policy = random_policy("llama")
        generation = generation_of(policy, vllm_client=Client(mode))
        generation.temperature = temperature
        prepare_engine(generation, StopIds({3}), "server")

    prepared("processed_logprobs", 0.7)
    prepared("raw_logprobs", 1.0)
    with pytest.raises(ValueError, match="runs with --logprobs-mode raw_logprobs; expected proc"):
        prepared("raw_logprobs", 0.7)
