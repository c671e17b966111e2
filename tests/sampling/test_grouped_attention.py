"""Attention over a cache without repeated keys and values attends as transformers' sdpa does."""

from types import SimpleNamespace

import pytest
import torch
from architectures import ragged, random_policy
from score.sampling.cached import Conversations, extend
from score.sampling.grouped_attention import NAME, grouped_attention, use_grouped_attention
from transformers.integrations.sdpa_attention import sdpa_attention_forward


@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
def test_grouped_heads_attend_as_repeated_ones(length, masked):
    torch.manual_seed(0)
    query = torch.randn(5, 6, length, 8)
    key, value = torch.randn(5, 2, 9, 8), torch.randn(5, 2, 9, 8)
    mask = torch.rand(5, 1, length, 9) < 0.7 if masked else None
    module = SimpleNamespace(num_key_value_groups=3, is_causal=True)
    given = (module, query, key, value, mask)
    expected, _ = sdpa_attention_forward(*given, scaling=0.3)
    found, _ = grouped_attention(*given, scaling=0.3)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", ["qwen2", "mistral", "gemma3_text", "smollm3"])
def test_policies_decode_as_with_sdpa(kind):
    plain, grouped = random_policy(kind), random_policy(kind, attn_implementation="sdpa")
    use_grouped_attention(grouped.config)
    assert grouped.config._attn_implementation == NAME
    told = []
    for policy in (plain, grouped):
        rows = Conversations.none(6, policy)
        logits = [extend(policy, rows, ragged())]
        logits += [extend(policy, rows, [[9 + i] for i in range(6)]) for _ in range(3)]
        told.append(torch.stack(logits))
    torch.testing.assert_close(*told, atol=1e-5, rtol=1e-5)
