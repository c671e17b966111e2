"""Decoding with fewer heads of keys than of queries, without a copy of the keys for each query head.

Legend of shapes: R rows, H heads of keys, G query heads of each, L positions, D width of a head.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

_IN_GROUPS = ContextVar("in_groups", default=False)  # other threads attend as transformers does


@contextmanager
def attention_in_groups() -> Iterator[None]:
    """Let policies whose attention is transformers' sdpa decode through `grouped_attention`."""
    ALL_ATTENTION_FUNCTIONS["sdpa"] = grouped_attention
    before = _IN_GROUPS.set(True)
    try:
        yield
    finally:
        _IN_GROUPS.reset(before)


def grouped_attention(
    module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask, **named
) -> tuple[torch.Tensor, None]:
    """transformers' `sdpa_attention_forward`; one new position of each row is computed otherwise.

    For queries (R, H G, 1, D) and keys (R, H, L, D) transformers copies keys and values G times where
    there is a mask (R, 1, 1, L). Here the G queries of a head are G positions that see the same keys.
    """
    rows, queries, new, width = query.shape
    heads = key.size(1)
    one_mask = attention_mask is None or attention_mask.shape[1:3] == (1, 1)
    plain = named.get("position_bias") is None and one_mask
    if not (_IN_GROUPS.get() and new == 1 and queries > heads and plain):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **named)
    out = torch.nn.functional.scaled_dot_product_attention(
        query.reshape(rows, heads, queries // heads, width),
        key,
        value,
        attn_mask=attention_mask,
        dropout_p=named.get("dropout", 0.0),
        scale=named.get("scaling"),
    )
    return out.reshape(rows, 1, queries, value.size(-1)), None
