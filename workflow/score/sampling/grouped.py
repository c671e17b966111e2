"""Decoding with fewer heads of keys than of queries, without a copy of the keys for each query head.

Legend of shapes: R rows, H heads of keys, G query heads of each, L positions, D width of a head.

For queries (R, H G, 1, D) and keys (R, H, L, D) transformers' sdpa copies keys and values G times where
there is a mask (R, 1, 1, L). Here the G queries of a head are G positions that see the same keys.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

import torch
from transformers import AttentionInterface

_IN_GROUPS = ContextVar("in_groups", default=False)  # other threads attend as transformers does


@contextmanager
def attention_in_groups() -> Iterator[None]:
    """Let policies whose attention is transformers' sdpa compute single new positions in groups."""
    _let_sdpa_group()
    before = _IN_GROUPS.set(True)
    try:
        yield
    finally:
        _IN_GROUPS.reset(before)


def _let_sdpa_group() -> None:
    plain = AttentionInterface._global_mapping["sdpa"]
    if getattr(plain, "groups", False):
        return

    @wraps(plain)
    def attention(module, query, key, value, attention_mask, **named):
        if _is_asked_for() and _can_group(query, key, attention_mask, named):
            return _grouped(query, key, value, attention_mask, named), None
        return plain(module, query, key, value, attention_mask, **named)

    attention.groups = True
    AttentionInterface.register("sdpa", attention)


def _is_asked_for() -> bool:
    # Code that is compiled can't read a context variable.
    return not torch.compiler.is_compiling() and _IN_GROUPS.get()


def _can_group(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, named) -> bool:
    """Whether it is one position of each row, of grouped heads, under nothing but one mask for all."""
    single = query.size(2) == 1 and query.size(1) > key.size(1)
    more = any(named.get(name) is not None for name in ("position_bias", "packing"))
    return single and not more and (mask is None or mask.shape[1:3] == (1, 1))


def _grouped(query: torch.Tensor, key, value, mask, named) -> torch.Tensor:
    """(R, 1, H G, D of the values)."""
    rows, queries, _, width = query.shape
    out = torch.nn.functional.scaled_dot_product_attention(
        query.reshape(rows, key.size(1), -1, width),
        key,
        value,
        attn_mask=mask,
        dropout_p=named.get("dropout", 0.0),
        scale=named.get("scaling"),
    )
    return out.reshape(rows, 1, queries, value.size(-1))
