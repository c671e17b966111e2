"""Decoding by a compiled token step gives the attempts of the plain loop, and says where it can't."""

from dataclasses import replace

import pytest
import torch
from architectures import random_policy
from peft import LoraConfig, get_peft_model
from sampling_runs import BRIDGE, POLICY, SETTINGS, STOP, TOKENIZER, ragged_prompts
from score.policies.compiling import check_compilable, check_compilable_config, compiler
from score.policies.load import load_policy
from score.sampling import compiled
from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.rollout import sample_rollouts
from traced_step import trace_steps
from training_runs import BASE

COUNT = 12


@pytest.fixture
def traced(monkeypatch):
    return trace_steps(monkeypatch)


def two_turns(policy, prompts, is_compiled, temperature=1.0, batch=64, most=10):
    """Rollouts, what the sampler tells of them, and the conversations that it keeps."""
    config = sampling_config(most, temperature, STOP, TOKENIZER.pad_token_id)
    generate = HFGenerate(policy, config, batch, tell=temperature > 0, compiled=is_compiled)
    seeds = [[i, 100 + i] for i in range(len(prompts))]
    return sample_rollouts(prompts, BRIDGE, generate, STOP, 2, seeds), generate.logps, generate.kept


def same_as_plain(policy, prompts, **how):
    """The rollouts, which are those of the plain loop, as are log-probabilities and what is kept."""
    rollouts, logps, kept = two_turns(policy, prompts, True, **how)
    plain, plain_logps, plain_kept = two_turns(policy, prompts, False, **how)
    assert rollouts == plain
    told, expected = (
        torch.tensor([logp for turn in turns for row in turn for logp in row])
        for turns in (logps, plain_logps)
    )
    assert torch.allclose(told, expected, atol=2e-5)
    if plain_kept is not None:
        assert kept.ids == plain_kept.ids
        for row in range(len(kept.ids)):
            for layer, other in zip(kept.cache.layers, plain_kept.cache.layers, strict=True):
                keys = layer.keys[row][:, kept.mask[row]]
                others = other.keys[row][:, plain_kept.mask[row]]
                assert torch.allclose(keys, others, atol=1e-4)
    return rollouts


def test_two_turns_are_those_of_the_plain_loop_by_one_graph_for_batches_of_any_size(traced):
    rollouts = same_as_plain(POLICY, ragged_prompts(COUNT))
    lengths = {len(attempt) for rollout in rollouts for attempt in rollout.attempts}
    assert len(lengths) > 1  # some rows end before others
    same_as_plain(POLICY, ragged_prompts(COUNT), temperature=0.0)
    same_as_plain(POLICY, ragged_prompts(COUNT), batch=5)
    same_as_plain(POLICY, ragged_prompts(1), most=3)
    assert len(traced) == 1


def test_cache_grows_by_rows_and_positions_that_do_not_fit_and_the_step_is_traced_anew(traced):
    policy = random_policy("qwen3")
    same_as_plain(policy, ragged_prompts(3))
    assert compiled.cache_for(policy, 1, 1).seen.shape == (4, 256)
    same_as_plain(policy, ragged_prompts(5))
    assert compiled.cache_for(policy, 1, 1).seen.shape == (8, 256)
    long = [prompt * 12 for prompt in ragged_prompts(2)]
    assert 256 < max(map(len, long)) < 500
    same_as_plain(policy, long)
    assert compiled.cache_for(policy, 1, 1).seen.shape == (8, 512)
    assert len(traced) == 3


@pytest.mark.parametrize("kind", ["granite", "qwen3_moe"])
def test_architectures_whose_layers_keep_all_positions_are_decoded_as_they_are(traced, kind):
    policy = random_policy(kind)
    policy.config.output_router_logits = False
    same_as_plain(policy, ragged_prompts(COUNT), temperature=3.0)


def test_weights_that_are_trained_in_place_are_those_of_the_next_step(traced):
    policy = load_policy(BASE, "float32").eval()
    before = same_as_plain(policy, ragged_prompts(COUNT))
    with torch.no_grad():
        for weight in policy.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    assert same_as_plain(policy, ragged_prompts(COUNT)) != before
    assert len(traced) == 1


@pytest.mark.slow
def test_inductors_kernels_give_the_same_attempts():
    if compiler() is None:
        pytest.skip("no C++ compiler here")
    same_as_plain(POLICY, ragged_prompts(COUNT))


# ------------------------------------------------------------------------------------- what can't
@pytest.mark.parametrize("kind", ["gemma2", "mistral", "gpt_oss"])
def test_sliding_windows_are_refused_by_the_loaded_policy_and_by_its_config(kind):
    policy = random_policy(kind)
    for refused in (
        lambda: check_compilable(policy),
        lambda: check_compilable_config(policy.config.to_dict()),
        lambda: two_turns(policy, ragged_prompts(2), True),
    ):
        with pytest.raises(ValueError, match=r"layers of sliding_attention.*compile_decoding: fal"):
            refused()


def test_recurrent_states_and_quantized_weights_are_refused_by_the_config():
    with pytest.raises(ValueError, match="compile_decoding is true and the policy"):
        check_compilable_config({"model_type": "mamba", "num_hidden_layers": 2})
    with pytest.raises(ValueError, match="layers of linear_attention"):
        check_compilable_config({"model_type": "qwen3_next", "num_hidden_layers": 4})
    quantized = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    with pytest.raises(ValueError, match="quantized; expected whole weights"):
        check_compilable_config({"model_type": "llama", "quantization_config": quantized})
    check_compilable_config({"model_type": "llama"})
    check_compilable_config({"model_type": "of_its_own"})
    check_compilable_config(None)


def test_adapter_that_is_not_merged_is_refused():
    adapted = get_peft_model(load_policy(BASE, "float32"), LoraConfig(target_modules="all-linear"))
    with pytest.raises(ValueError, match="an adapter on its base"):
        check_compilable(adapted)
    check_compilable(adapted.merge_and_unload())


def test_machine_without_a_compiler_is_told_of(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ValueError, match=r"no C\+\+ compiler; expected g\+\+"):
        check_compilable(POLICY)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rollout_backend": "vllm"}, "rollout_backend 'vllm'; expected false"),
        ({"attn_implementation": "flash_attention_2"}, "'flash_attention_2'; expected null, sdpa"),
    ],
)
def test_settings_that_exclude_it_are_refused(monkeypatch, changes, said):
    monkeypatch.setattr("score.sampling.settings.find_spec", lambda name: name)
    with pytest.raises(ValueError, match=said):
        replace(SETTINGS, compile_decoding=True, **changes)
