"""Micro-batches by a budget of tokens: as many rows a pass as have room for their positions.

Legend of shapes: S sequences of an update on one rank.

Attempts differ in length, so that a fixed number of rows is many positions at one time and few at
another, and up to half of them are padding. Here rows are sorted by length, and a pass takes as many in
a row as stay within the budget with their padding, `rows × longest`; where the pass computes prefixes
once, it is the positions of the different prefixes and of what follows them that must. The loss of a
pass counts by its share of the update's rows, so that the gradient of an update is that of one batch.
"""

from bisect import bisect_right
from contextlib import nullcontext
from typing import NamedTuple

import torch

from score.sampling.rollout import Rollout, Sequence
from score.training.batches import pad_batches, pad_chosen, sequences_of
from score.training.prefixes import prefix_length

# Places at which it is tried to split a pack in two.
_CUTS = 16


class Row(NamedTuple):
    """A sequence by its sizes: its place in the update, its length, how many of its ids are a prefix
    that is computed apart (0: none), and the number of that prefix."""

    place: int
    length: int
    prefix: int
    of: int


def rows_from(sequences: list[Sequence], share: bool) -> list[Row]:
    """The rows of an update. share: whether prefixes are computed apart."""
    numbers: dict[tuple[int, ...], int] = {}
    found = []
    for place, sequence in enumerate(sequences):
        prefix = prefix_length(sequence) if share else 0
        of = numbers.setdefault(tuple(sequence.ids[:prefix]), len(numbers))
        found.append(Row(place, len(sequence.ids), prefix, of))
    return found


def positions(rows: list[Row]) -> int:
    """What one pass over the rows computes, padding included; more rows never have fewer."""
    whole = len(rows) * max(row.length for row in rows)
    prefixes = {row.of: row.prefix for row in rows}
    if not all(prefixes.values()):
        return whole
    rest = max(row.length - row.prefix for row in rows)
    return min(whole, len(rows) * rest + len(prefixes) * max(prefixes.values()))


def packed(rows: list[Row], budget: int) -> list[list[Row]]:
    """Packs of rows, the longest first, none of more positions than `budget` (but for a single row).

    Either rows of similar length share a pack or those with one prefix lie side by side, whichever has
    fewer positions to compute.
    """
    longest: dict[int, int] = {}
    for row in rows:
        longest[row.of] = max(row.length, longest.get(row.of, 0))
    by_length = sorted(rows, key=lambda row: -row.length)
    together = sorted(rows, key=lambda row: (-longest[row.of], row.of, -row.length))
    found = [_filled(order, budget) for order in (by_length, together)]
    return min(found, key=lambda packs: sum(map(positions, packs)))


def _filled(order: list[Row], budget: int) -> list[list[Row]]:
    packs, start = [], 0
    while start < len(order):
        ends = range(start + 1, len(order) + 1)
        fit = bisect_right(ends, budget, key=lambda end: positions(order[start:end]))
        packs.append(order[start : start + max(fit, 1)])
        start += max(fit, 1)
    return packs


def split(packs: list[list[Row]], count: int) -> list[list[Row]]:
    """The packs with some of them in two, so that there are `count`: those where it saves most."""
    packs = list(packs)
    cuts = [_best_cut(pack) for pack in packs]
    while len(packs) < count:
        i = max(range(len(packs)), key=lambda i: cuts[i][0])
        at = cuts[i][1]
        packs[i : i + 1] = packs[i][:at], packs[i][at:]
        cuts[i : i + 1] = _best_cut(packs[i]), _best_cut(packs[i + 1])
    return packs


def _best_cut(pack: list[Row]) -> tuple[float, int]:
    """Positions that two passes in place of one save, and the row that the second begins with."""
    if len(pack) == 1:
        return float("-inf"), 0
    places = range(1, len(pack), max(1, len(pack) // _CUTS))
    parts = [positions(pack[:at]) + positions(pack[at:]) for at in places]
    least = min(parts)
    return positions(pack) - least, places[parts.index(least)]


class PacksByTokens:
    """The part of SCoReTrainer that makes micro-batches, and a backward pass of each where a step of the
    trainer has several."""

    def _micro_batches(self, rollouts: list[Rollout], given: list[bool] | None) -> list[dict]:
        """The micro-batches of an update, equally many on every rank."""
        pad_id, device = self._tokenizer.pad_token_id, self.accelerator.device
        share, budget = self._shares_prefixes, self.args.micro_batch_tokens
        if budget is None:
            size = self.args.per_device_train_batch_size
            return pad_batches(rollouts, size, pad_id, device, given, share)
        sequences, each = sequences_of(rollouts, given), len(rollouts[0].sequences())
        packs = packed(rows_from(sequences, share), budget)
        counts = self.accelerator.gather(torch.tensor([len(packs)], device=device))
        batches = []
        for pack in split(packs, int(counts.max())):
            chosen = [row.place for row in pack]
            batch = pad_chosen(sequences, chosen, each, pad_id, device, share)
            batches.append({**batch, "share": len(chosen) / len(sequences)})
        return batches

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """The loss of a micro-batch; of several, a list, that of all, whose backward pass is the last's.

        The others have had theirs then: ranks exchange gradients at the last one.
        """
        if not isinstance(inputs, list):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        *earlier, last = inputs
        before = [self._backward_of(model, batch) for batch in earlier]
        return self._compute_loss(model, last) + sum(before)

    def _backward_of(self, model, batch: dict) -> torch.Tensor:
        """The loss of a micro-batch that others of its update follow, after its backward pass."""
        state, deepspeed = self.accelerator.gradient_state, self.is_deepspeed_enabled
        state._set_sync_gradients(False)
        # DeepSpeed is told by accelerate from that state; it has no use for no_sync.
        with nullcontext() if deepspeed else self.accelerator.no_sync(model):
            loss = self._compute_loss(model, batch)
            self.accelerator.backward(loss, **({"scale_wrt_gas": False} if deepspeed else {}))
        state._set_sync_gradients(True)
        return loss.detach()
