"""One layer's keys and values in arrays with room to grow, so that a new token is written in place.

Legend of shapes: R rows, H heads of keys, L positions, D width of a head.

transformers' own `DynamicLayer` copies the whole layer for every token, and its `StaticLayer` attends to
all positions that it has room for, written or not. Here attention sees a view of the written ones.
"""

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

LEAST_ROOM = 64  # positions; arrays grow by a quarter of their length, and by no less than these


class GrowingLayer(DynamicLayer):
    """A `DynamicLayer` of which `keys` and `values` (R, H, L, D) are the written part of larger arrays.

    An update may have fewer rows than the arrays: these are the first ones. The others sleep, and what
    the update would have written to them is 0.
    """

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        self._arrays = [self.keys, self.values]
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values of the updated rows, with the new positions behind them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        rows, start = key_states.size(0), self.get_seq_length()
        end = start + key_states.size(2)
        if end > self._arrays[0].size(2):
            room = end if start == 0 else max(end, _roomy(start))
            self._arrays = [_grown(array, start, room) for array in self._arrays]
        for array, new in zip(self._arrays, (key_states, value_states), strict=True):
            array[:rows, :, start:end] = new
        self.keys, self.values = (array[:rows, :, :end] for array in self._arrays)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self.keys.size(2) if self.is_initialized else 0

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """Only the rows at `beam_idx`, each as often as it is named."""
        if (length := self.get_seq_length()) > 0:
            rows = beam_idx.to(self.device)
            self._show([_grown(a, length, _roomy(length), rows) for a in self._arrays], length)

    def swap(self, some: list[int], others: list[int]) -> None:
        """Let rows change places, each of `some` with one of `others`."""
        to = torch.tensor(some + others, device=self.device)
        origin = torch.tensor(others + some, device=self.device)
        length = self.get_seq_length()
        for array in self._arrays:
            written = array[:, :, :length]
            written[to] = written[origin]

    def forget(self, rows: int) -> None:
        """Hold no more than the first `rows`; the memory of the others is free once arrays grow."""
        self._show([array[:rows] for array in self._arrays], self.get_seq_length())

    def wake(self) -> None:
        """Show all rows again."""
        self._show(self._arrays, self.get_seq_length())

    def _show(self, arrays: list[torch.Tensor], length: int) -> None:
        self._arrays = arrays
        self.keys, self.values = (array[:, :, :length] for array in arrays)


def _roomy(length: int) -> int:
    return length + max(LEAST_ROOM, length // 4)


def _grown(
    array: torch.Tensor, length: int, room: int, rows: torch.Tensor | None = None
) -> torch.Tensor:
    """A copy of the first `length` positions of all rows or those named, with zeros up to `room`."""
    count, heads, _, width = array.shape
    grown = array.new_empty(count if rows is None else len(rows), heads, room, width)
    if rows is None:
        grown[:, :, :length] = array[:, :, :length]
    else:
        torch.index_select(array[:, :, :length], 0, rows, out=grown[:, :, :length])
    grown[:, :, length:] = 0
    return grown


def growing_cache(config) -> Cache:
    """An empty cache for a policy of that config: `GrowingLayer` wherever transformers' choice for the
    layer is a plain `DynamicLayer`; sliding windows and recurrent states are left to transformers."""
    cache = DynamicCache(config=config)
    cache.layers = [
        GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache
