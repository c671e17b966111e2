"""Attention of one new position a row over a cache, where several query heads share keys and values.

transformers' sdpa repeats the keys and values of the whole cache for each query head, at every token.
Here the query heads of a group are taken for as many query positions instead, which see the same cache.

Legend of shapes: R rows, H query heads, G groups of them, L positions of the cache, D of a head.
"""

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "sdpa_grouped"


def grouped_attention(
    module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **options,
) -> tuple[torch.Tensor, None]:
    """What attends (R, 1, H, D), from query (R, H, 1, D), key and value (R, G, L, D); mask (R, 1, 1, L).

    All other passes are transformers' own sdpa, and so are those on a GPU, where its kernels differ.
    """
    (rows, heads, length, _), groups = query.shape, key.size(1)
    shared = attention_mask is None or attention_mask.size(1) == 1
    plain = options.get("position_bias") is None and query.device.type == "cpu" and shared
    if length > 1 or heads == groups or not plain:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
    attended = torch.nn.functional.scaled_dot_product_attention(
        query.reshape(rows, groups, heads // groups, -1),
        key,
        value,
        attn_mask=attention_mask,
        scale=scaling,
    )
    return attended.reshape(rows, 1, heads, -1), None


def use_grouped_attention(config) -> None:
    """Have a policy that is made with this config attend so, where it would by transformers' sdpa."""
    if config._attn_implementation == "sdpa":
        AttentionInterface.register(NAME, grouped_attention)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        config._attn_implementation = NAME
