"""Conversations whose keys and values are kept, so that no position of theirs is computed twice.

Legend of shapes: R rows, L positions of the cache, S new positions.

Rows of different lengths share a cache, so some positions of a row hold nothing of its own: padding
before a shorter prompt, and what ended rows are given while others go on. A mask says which are the
row's. Positions count the row's own tokens alone.
"""

import inspect
from dataclasses import dataclass, field
from functools import cache

import torch
from transformers import Cache

from score.sampling.growing import GrowingLayer, growing_cache


@dataclass
class Conversations:
    """R rows in a cache. ids: of each row the tokens that the cache holds. mask (R, L): where.

    places: the number of each row in the batch. asleep: how many rows, the last ones, are passed over.
    """

    ids: list[list[int]]
    cache: Cache
    mask: torch.Tensor
    places: list[int] = field(default_factory=list)
    asleep: int = 0

    @classmethod
    def none(cls, rows: int, model) -> "Conversations":
        """Rows of which the cache holds nothing yet."""
        cache = growing_cache(model.config.get_text_config(decoder=True))
        mask = torch.zeros(rows, 0, dtype=torch.bool)
        return cls([[] for _ in range(rows)], cache, mask, list(range(rows)))

    def rows(self, chosen: list[int]) -> "Conversations":
        """The rows `chosen`, each as often as it is named. These take the cache with them."""
        if chosen != list(range(len(self.ids))):
            index = torch.tensor(chosen, device=self.mask.device)
            self.cache.reorder_cache(index)
            self.mask = self.mask[index]
            self.ids = [list(self.ids[i]) for i in chosen]
            self.places = [self.places[i] for i in chosen]
        return self

    def let_sleep(self, ended: list[int], keep: bool) -> list[int]:
        """Pass over the awake rows `ended` from now on; the rows that stay, as they were numbered.

        They change places with rows that stay, in the cache itself. Without `keep` they are given up.
        """
        awake = len(self.ids) - self.asleep
        order = list(range(len(self.ids)))
        gone = set(ended)
        staying = awake - len(gone)
        free = [i for i in sorted(gone) if i < staying]
        last = [i for i in range(staying, awake) if i not in gone]
        for i, j in zip(free, last, strict=True):
            order[i], order[j] = j, i
        if free:
            for layer in self.cache.layers:
                layer.swap(free, last)
        self.asleep += len(gone)
        if not keep:
            order = order[:staying]
            self.asleep = 0
            for layer in self.cache.layers:
                layer.forget(staying)
        self.mask = self.mask[torch.tensor(order, device=self.mask.device)]
        self.ids = [self.ids[i] for i in order]
        self.places = [self.places[i] for i in order]
        return order[:staying]

    def wake(self) -> "Conversations":
        """Pass over no row."""
        if self.asleep:
            for layer in self.cache.layers:
                layer.wake()
            self.asleep = 0
        return self

    def can_sleep(self) -> bool:
        """Whether every layer holds all positions, so that some of them may be left out by the mask.

        A sliding window counts positions of the cache, and a recurrent state has none.
        """
        return all(type(layer) is GrowingLayer for layer in self.cache.layers)


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
    seen = torch.cat([before[: len(new)], mask.bool()], dim=1)
    told = before[: len(new)].sum(1, keepdim=True)
    positions = (told + mask.cumsum(1) - 1).clamp_(min=0)
    accepted = _accepted(model)
    optional = {"position_ids": positions, "logits_to_keep": 1}
    out = model(
        input_ids=ids,
        attention_mask=seen.long(),
        past_key_values=conversations.cache,
        use_cache=True,
        **{name: value for name, value in optional.items() if name in accepted},
    )
    own = torch.tensor(counts or [True] * len(new), device=device)
    conversations.mask = torch.nn.functional.pad(before, (0, length))
    conversations.mask[: len(new), -length:] = mask.bool() & own[:, None]
    for row, run, counted in zip(conversations.ids, new, own.tolist(), strict=False):
        row += run if counted else []
    return out.logits[:, -1].float()


def _accepted(model) -> frozenset[str]:
    """What the forward pass of the policy takes, of the one below where it has an adapter."""
    below = model.get_base_model() if hasattr(model, "get_base_model") else model
    return _parameters(type(getattr(below, "module", below)))


@cache
def _parameters(kind: type) -> frozenset[str]:
    return frozenset(inspect.signature(kind.forward).parameters)
