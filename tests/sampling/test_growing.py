"""A cache that is written in place holds what transformers' own cache would, whichever rows sleep."""

import pytest
import torch
from architectures import random_policy
from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.grouped import attention_in_groups
from score.sampling.growing import GrowingLayer, growing_cache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer
from transformers.integrations import sdpa_attention


def states(rows, new, seed):
    """Keys and values of 2 heads, the values narrower than the keys, as some policies have them."""
    drawn = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, 2, new, width, generator=drawn) for width in (4, 3)]


def both(rows, new, seed, *layers):
    given = states(rows, new, seed)
    return [layer.update(*given) for layer in layers]


def same(layer, plain):
    return torch.equal(layer.keys, plain.keys) and torch.equal(layer.values, plain.values)


def test_a_growing_layer_holds_what_a_dynamic_layer_does_through_growth_and_reordering():
    layer, plain = GrowingLayer(), DynamicLayer()
    assert layer.get_seq_length() == 0
    both(3, 5, 0, layer, plain)
    for of in (layer, plain):
        of.reorder_cache(torch.tensor([2, 0, 0, 1, 1]))
    for seed, new in enumerate([1, 1, 150, 1, 70, 1], start=1):
        ours, theirs = both(5, new, seed, layer, plain)
        assert all(map(torch.equal, ours, theirs))
        assert same(layer, plain) and layer.get_seq_length() == plain.get_seq_length()
    for of in (layer, plain):
        of.reorder_cache(torch.tensor([4, 1]))
    assert same(layer, plain)


def test_a_token_is_written_without_a_copy_of_the_layer():
    layer = GrowingLayer()
    layer.update(*states(3, 200, 0))
    layer.update(*states(3, 1, 1))
    held = layer.keys.data_ptr()
    for seed in range(2, 45):
        keys, _ = layer.update(*states(3, 1, seed))
        assert keys.data_ptr() == held


def test_rows_that_sleep_keep_what_they_had_and_get_zeros_while_arrays_grow():
    layer = GrowingLayer()
    first, second, third = states(4, 6, 0), states(2, 90, 1), states(4, 1, 2)
    layer.update(*first)
    layer.swap([1], [3])
    layer.update(*second)
    assert layer.keys.shape == (2, 2, 96, 4)
    layer.wake()
    keys, _ = layer.update(*third)
    assert torch.equal(keys[:, :, :6], first[0][[0, 3, 2, 1]])
    assert torch.equal(keys[:2, :, 6:96], second[0])
    assert not keys[2:, :, 6:96].any()
    assert torch.equal(keys[:, :, 96:], third[0])


def test_windows_are_left_to_transformers():
    kinds = [type(layer) for layer in growing_cache(random_policy("gemma2").config).layers]
    assert kinds == [DynamicSlidingWindowLayer, GrowingLayer]


@pytest.mark.parametrize("kind", ["qwen3", "smollm3"])
def test_heads_that_share_keys_decode_the_same_tokens_without_copies_of_the_keys(kind, monkeypatch):
    """Left-padded prompts: transformers' sdpa copies keys for each query head where there is a mask."""
    policy, copied = random_policy(kind), []
    assert policy.config._attn_implementation == "sdpa"
    repeat = sdpa_attention.repeat_kv

    def watched(states, groups):
        copied.append(states.size(2))
        return repeat(states, groups)

    monkeypatch.setattr(sdpa_attention, "repeat_kv", watched)
    prompts = [list(range(20, 20 + length)) for length in (9, 4, 7)]
    config, generate = sampling_config(12, 2.0, {1}, 0), "score.sampling.generate"
    found = HFGenerate(policy, config, 8)(prompts, [1, 2, 3])
    assert set(copied) <= {9}, "of the prompts alone"
    monkeypatch.setattr(f"{generate}.attention_in_groups", torch.no_grad)
    assert HFGenerate(policy, config, 8)(prompts, [1, 2, 3]) == found
    assert max(copied) > 12 and max(map(len, found)) == 12


def test_attention_is_transformers_own_outside_of_sampling(monkeypatch):
    policy, shapes = random_policy("qwen3"), []
    plain = torch.nn.functional.scaled_dot_product_attention

    def watched(query, *arguments, **named):
        shapes.append(query.shape[1:3])
        return plain(query, *arguments, **named)

    monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", watched)
    ids = torch.tensor([[5], [6]])
    with attention_in_groups():
        policy(ids)
    policy(ids)
    assert shapes == [(2, 2)] * 2 + [(4, 1)] * 2
