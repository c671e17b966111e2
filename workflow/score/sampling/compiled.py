"""Decoding by a compiled token step: CUDA graphs on a GPU, kernels of torch's inductor on a CPU.

Legend of shapes: R rows that are decoded, B ≥ R rows and L positions of the cache, V vocabulary.

A token step of a small policy on a GPU is bound by the launches of its hundreds of kernels; a CUDA graph
launches all of them at once. It needs the same memory and shapes in every step, so keys and values
are copied into a cache of fixed size, whose rows are a power of two and whose positions are a multiple
of 256. It grows where it is too small, which compiles the step anew, and never shrinks.
"""

import weakref
from collections.abc import Callable
from dataclasses import replace

import torch
from transformers import StaticCache

from score.policies.compiling import check_compilable
from score.sampling.cached import Conversations
from score.sampling.decode import Choose, HaveEnded, take_tokens

POSITIONS = 256
_SIZES = 64  # most sizes of the cache that are compiled in a process, over all its policies


class FixedCache:
    """Keys and values of up to B rows and L positions at fixed addresses, and whose positions count.

    seen (B, L): which positions a row attends to. length: positions that are filled.
    """

    def __init__(self, model, rows: int, positions: int):
        self.rows, self.positions, self.length = rows, positions, 0
        config = model.config.get_text_config(decoder=True)
        self.cache = StaticCache(config, max_cache_len=positions)
        self.seen = torch.zeros(rows, positions, dtype=torch.bool, device=model.device)
        self.own = torch.zeros(rows, dtype=torch.long, device=model.device)

    def fill(self, conversations: Conversations) -> None:
        """Copy R conversations in, at the first rows; what was there before is forgotten."""
        rows, self.length = conversations.mask.shape
        self.seen.zero_()
        self.seen[:rows, : self.length] = conversations.mask
        self.own.copy_(self.seen.sum(1))
        for fixed, layer in zip(self.cache.layers, conversations.cache.layers, strict=True):
            if not fixed.is_initialized:
                of_all = [
                    part[:1].expand(self.rows, *part.shape[1:])
                    for part in (layer.keys, layer.values)
                ]
                fixed.lazy_initialization(*of_all)
            for name in ("keys", "values"):
                getattr(fixed, name)[:rows, :, : self.length] = getattr(layer, name)
            fixed.cumulative_length.fill_(self.length)

    def taken_out(self, model, rows: Conversations, ids: list[list[int]]) -> Conversations:
        """A copy of what is here of R conversations, of which `ids` are now the tokens that count."""
        taken = Conversations.none(len(ids), model)
        for fixed, layer in zip(self.cache.layers, taken.cache.layers, strict=True):
            layer.update(
                *(part[: len(ids), :, : self.length] for part in (fixed.keys, fixed.values))
            )
        mask = self.seen[: len(ids), : self.length].clone()
        return replace(taken, ids=ids, mask=mask, places=rows.places)

    def step(self, model, tokens: list[int], going: list[bool]) -> torch.Tensor:
        """One more token of each of R rows; logits (R, V) behind it. going: whose token counts."""
        rows, device = len(tokens), self.seen.device
        given = torch.tensor([*tokens, *[0] * (self.rows - rows)], device=device)
        counts = torch.tensor([*going, *[False] * (self.rows - rows)], device=device)
        # In this pass every row sees its new position, or those that have ended would see nothing.
        self.seen[:, self.length] = True
        torch.compiler.cudagraph_mark_step_begin()
        logits = compiled_step(device.type)(
            model, given[:, None], self.seen, self.own[:, None], self.cache
        )[:rows]
        self.seen[:, self.length] = counts
        self.own += counts
        self.length += 1
        return logits


def _token_step(model, ids, seen, positions, cache) -> torch.Tensor:
    """ids, positions (B, 1), seen (B, L) -> logits (B, V)."""
    out = model(
        input_ids=ids,
        attention_mask=seen,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return out.logits[:, -1].float()


_STEPS: dict[str, Callable] = {}
_CACHES: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # of each policy the cache it has


def compiled_step(device: str) -> Callable:
    """`_token_step` as torch.compile makes it for a kind of device: as a CUDA graph on GPUs."""
    if device not in _STEPS:
        mode = "reduce-overhead" if device == "cuda" else None
        _STEPS[device] = torch.compile(
            _token_step, fullgraph=True, dynamic=False, mode=mode, recompile_limit=_SIZES
        )
    return _STEPS[device]


def cache_for(model, rows: int, positions: int) -> FixedCache:
    """The fixed cache of a policy, a new one where rows or positions do not fit into that of before."""
    fixed = _CACHES.get(model)
    if fixed is None or fixed.seen.device != model.device:
        check_compilable(model)
        rows_before = positions_before = 0
    else:
        rows_before, positions_before = fixed.rows, fixed.positions
    if rows > rows_before or positions > positions_before:
        rows = max(rows_before, 1 << (rows - 1).bit_length())
        positions = max(positions_before, -(-positions // POSITIONS) * POSITIONS)
        _CACHES.pop(model, None)  # its memory is free before more is taken
        fixed = None
        fixed = _CACHES[model] = FixedCache(model, rows, positions)
    return fixed


def decode_compiled(
    model,
    rows: Conversations,
    logits: torch.Tensor,
    choose: Choose,
    have_ended: HaveEnded,
    most: int,
    keep: bool = True,
) -> tuple[list[list[int]], Conversations | None]:
    """`decode` by the compiled step: the same attempts but for rounding, and the same conversations.

    Rows that have ended stay in the batch until all have. ValueError where the policy can't have it.
    """
    ids, attempts = [list(row) for row in rows.ids], [[] for _ in rows.ids]
    places, going = list(rows.places), [True] * len(ids)
    fixed = cache_for(model, len(ids), rows.mask.size(1) + most - 1)
    fixed.fill(rows)
    rows.cache = None  # its memory is free while tokens are sampled
    for position in range(most):
        tokens = choose(logits, places, position)
        take_tokens(attempts, places, tokens, going, have_ended)
        if position + 1 == most or not any(going):
            break
        logits = fixed.step(model, tokens, going)
        for i, goes in enumerate(going):
            if goes:
                ids[i].append(tokens[i])
    return attempts, fixed.taken_out(model, rows, ids) if keep else None
