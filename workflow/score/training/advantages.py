"""Advantages of one rank's rollouts, from the pay of all ranks: groups of K may lie across them."""

import torch
from accelerate.utils import gather

from score.training.loss import leave_one_out, scale_by_batch


def rank_advantages(
    pay: torch.Tensor,
    order: list[int],
    k: int,
    rank: int,
    *,
    scale: bool,
    offline: list[bool] | None = None,
) -> torch.Tensor:
    """Advantages (B, N) of a rank's rows from their pay (B, N), both in the order of the batch.

    order: which row of the groups of `k` each row of the batch is. scale: divide by one standard
    deviation of the update. offline: whose first attempt was given and has no part in that; None on
    every rank where none can be.
    """
    advantages = leave_one_out(_everyones(pay, order), k)
    if scale:
        counted = None
        if offline is not None:
            sampled = torch.ones_like(pay)
            sampled[torch.tensor(offline), 0] = 0
            counted = _everyones(sampled, order) > 0
        advantages = scale_by_batch(advantages, counted)
    first = rank * len(order)
    return advantages[first : first + len(order)][order]


def _everyones(values: torch.Tensor, order: list[int]) -> torch.Tensor:
    """Values (B, N) of this rank's rows -> those of all ranks' rows, in groups."""
    in_groups = torch.empty_like(values)
    in_groups[order] = values
    return gather(in_groups)
