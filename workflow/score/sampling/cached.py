"""Conversations whose keys and values are kept, so that no position of theirs is computed twice.

Legend of shapes: R rows, L positions of the cache, S new positions.

Rows of different lengths share a cache, so some positions of a row hold nothing of its own: padding
before a shorter prompt, and what ended rows are given while others go on. A mask says which are the
row's. Positions count the row's own tokens alone.
"""

import inspect
from dataclasses import dataclass
from functools import cache

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer


@dataclass
class Conversations:
    """R rows in a cache. ids: of each row the tokens that the cache holds. mask (R, L): where."""

    ids: list[list[int]]
    cache: Cache
    mask: torch.Tensor

    @classmethod
    def none(cls, rows: int, model) -> "Conversations":
        """Rows of which the cache holds nothing yet."""
        cache = DynamicCache(config=model.config.get_text_config(decoder=True))
        return cls([[] for _ in range(rows)], cache, torch.zeros(rows, 0, dtype=torch.bool))

    def rows(self, places: list[int]) -> "Conversations":
        """The rows at `places`, each as often as it is named. These take the cache with them."""
        if places != list(range(len(self.ids))):
            index = torch.tensor(places, device=self.mask.device)
            self.cache.reorder_cache(index)
            self.mask = self.mask[index]
            self.ids = [list(self.ids[i]) for i in places]
        return self

    def part(self, places: list[int]) -> "Conversations":
        """A copy of the rows at `places`."""
        index = torch.tensor(places, device=self.mask.device)
        copied = DynamicCache()
        copied.layers = [
            _layer(layer.keys[index], layer.values[index]) for layer in self.cache.layers
        ]
        return Conversations([self.ids[i] for i in places], copied, self.mask[index])

    def can_be_parted(self) -> bool:
        """Whether every layer holds all positions, so that some of them may be left out by the mask.

        A sliding window counts positions of the cache, and a recurrent state has none.
        """
        return all(type(layer) is DynamicLayer for layer in self.cache.layers)


def _layer(keys: torch.Tensor, values: torch.Tensor) -> DynamicLayer:
    layer = DynamicLayer()
    layer.lazy_initialization(keys, values)
    layer.keys, layer.values = keys, values
    return layer


def joined(parts: list[Conversations], places: list[int]) -> Conversations:
    """Parts of one set of rows as one; places: of each row of the parts, in turn, its number there.

    Shorter parts are filled up at their end.
    """
    if len(parts) == 1:
        back = sorted(range(len(places)), key=places.__getitem__)
        return parts[0].rows(back)
    length = max(part.mask.size(1) for part in parts)
    index = torch.tensor(places, device=parts[0].mask.device)
    mask = parts[0].mask.new_zeros(len(places), length)
    mask[index] = torch.cat([_filled(part.mask, length, 1) for part in parts])
    cache = DynamicCache()
    for layers in zip(*(part.cache.layers for part in parts), strict=True):
        both = []
        for name in ("keys", "values"):
            whole = torch.cat([_filled(getattr(layer, name), length, 2) for layer in layers])
            ordered = torch.empty_like(whole)
            ordered[index] = whole
            both.append(ordered)
        cache.layers.append(_layer(*both))
    rows = dict(zip(places, (row for part in parts for row in part.ids), strict=True))
    return Conversations([rows[i] for i in range(len(places))], cache, mask)


def _filled(values: torch.Tensor, length: int, dim: int) -> torch.Tensor:
    """`values`, filled up with zeros to `length` along `dim`."""
    missing = [*values.shape]
    missing[dim] = length - values.size(dim)
    return torch.cat([values, values.new_zeros(missing)], dim)


@torch.no_grad()
def extend(
    model, conversations: Conversations, new: list[list[int]], counts: list[bool] | None = None
) -> torch.Tensor:
    """Put runs of new tokens, one or more a row, into the cache; logits (R, V) behind the last of each.

    counts: whose token is the row's own, None: all; the tokens of the others are only given along.
    """
    length, device = max(map(len, new)), model.device
    ids = torch.tensor([[0] * (length - len(run)) + run for run in new], device=device)
    mask = torch.tensor([[0] * (length - len(run)) + [1] * len(run) for run in new], device=device)
    before = conversations.mask.to(device)
    seen = torch.cat([before, mask.bool()], dim=1)
    positions = (before.sum(1, keepdim=True) + mask.cumsum(1) - 1).clamp_(min=0)
    accepted = _accepted(model)
    optional = {"position_ids": positions, "logits_to_keep": 1}
    out = model(
        input_ids=ids,
        attention_mask=seen.long(),
        past_key_values=conversations.cache,
        use_cache=True,
        **{name: value for name, value in optional.items() if name in accepted},
    )
    for row, run in zip(conversations.ids, new, strict=True):
        row += run
    conversations.mask = seen
    if counts is not None and not all(counts):
        conversations.mask = seen.clone()
        own = torch.tensor(counts, device=device)
        conversations.mask[:, -length:] &= own[:, None]
        conversations.ids = [
            row if own else row[:-length]
            for row, own in zip(conversations.ids, counts, strict=True)
        ]
    return out.logits[:, -1].float()


def _accepted(model) -> frozenset[str]:
    """What the forward pass of the policy takes, of the one below where it has an adapter."""
    below = model.get_base_model() if hasattr(model, "get_base_model") else model
    return _parameters(type(getattr(below, "module", below)))


@cache
def _parameters(kind: type) -> frozenset[str]:
    return frozenset(inspect.signature(kind.forward).parameters)
