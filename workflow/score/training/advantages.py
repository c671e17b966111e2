"""Advantages of one rank's rollouts, from the rewards of all ranks: groups of K may lie across them."""

import torch
from accelerate.utils import gather


def rank_advantages(
    rewards: torch.Tensor,
    order: list[int],
    k: int,
    rank: int,
    *,
    scale: bool,
    offline: list[bool] | None = None,
) -> torch.Tensor:
    """Advantages (B, N) of a rank's rows from their rewards (B, N), both in the order of the batch.

    order: which row of the groups of `k` each row of the batch is. scale: divide by one standard
    deviation of the update. offline: whose first attempt was given and has no part in that; None on
    every rank where none can be.
    """
    advantages = leave_one_out(_everyones(rewards, order), k)
    if scale:
        counted = None
        if offline is not None:
            sampled = torch.ones_like(rewards)
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


def leave_one_out(rewards: torch.Tensor, k: int) -> torch.Tensor:
    """Advantages (B, N): each reward minus the mean reward of the other K − 1 rollouts of its problem.

    Rows must lie in groups of `k` rollouts of one problem. Each turn has its own baseline.
    """
    if k < 2:
        raise ValueError(
            f"number_output_initial_generations is {k}; expected 2 or more. The leave-one-out "
            "baseline needs other rollouts of the same problem."
        )
    groups = rewards.view(-1, k, rewards.size(1))
    others = (groups.sum(1, keepdim=True) - groups) / (k - 1)
    return (groups - others).view_as(rewards)


def scale_by_batch(advantages: torch.Tensor, counted: torch.Tensor | None = None) -> torch.Tensor:
    """Advantages (B, N) divided by one standard deviation over all rollouts and turns.

    One number for all turns keeps the ratio between their rewards, which α sets. The KL weights then
    count against advantages of unit size. counted (B, N): true for what enters the deviation, None
    for all; attempts that the policy did not write have no advantage.
    """
    entering = advantages if counted is None else advantages[counted]
    return advantages / (entering.std() + 1e-4)


def in_equal_groups(
    rewards: torch.Tensor,
    order: list[int],
    k: int,
    rank: int,
    offline: list[bool] | None = None,
) -> torch.Tensor:
    """Which of a rank's rollouts (B, N) are in a group of `k` whose rewards of that turn are all equal.

    Such rollouts have no advantage there. The rows are in the order of the groups; other arguments
    are those of `rank_advantages`. A first attempt that was given has no advantage either.
    """
    if offline is not None:
        rewards = rewards.clone()
        rewards[torch.tensor(offline), 0] = 0
    groups = _everyones(rewards, order).view(-1, k, rewards.size(1))
    equal = (groups == groups[:, :1]).all(1).repeat_interleave(k, 0)
    first = rank * len(order)
    return equal[first : first + len(order)]
