"""Advantages of one rank's rollouts, from the rewards of all ranks: groups of K may lie across them."""

import torch
from accelerate.utils import gather

# Least σ that an update is divided by, so that one whose groups are nearly all paid alike is not blown
# up: about what one rollout in a hundred makes of it that is paid 1 where the rest of its group gets 0.
LEAST_DEVIATION = 0.1


def rank_advantages(
    rewards: torch.Tensor,
    order: list[int],
    k: int,
    rank: int,
    offline: list[bool] | None = None,
) -> tuple[torch.Tensor, float]:
    """Advantages (B, N) of a rank's rows from their rewards (B, N), and σ of those of all ranks.

    Rewards and advantages are in the order of the batch. order: which row of the groups of `k` each
    row of the batch is. offline: whose first attempt was given and has no part in σ; None on every
    rank where none can be.
    """
    advantages = leave_one_out(_everyones(rewards, order), k)
    counted = None
    if offline is not None:
        sampled = torch.ones_like(rewards)
        sampled[torch.tensor(offline), 0] = 0
        counted = _everyones(sampled, order) > 0
    first = rank * len(order)
    return advantages[first : first + len(order)][order], deviation(advantages, counted)


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


def deviation(advantages: torch.Tensor, counted: torch.Tensor | None = None) -> float:
    """σ of an update: the standard deviation of its advantages (B, N), over rollouts and turns.

    One number for all turns keeps the ratio between their rewards, which α sets; a turn that earns
    nothing counts with its zeros. counted (B, N): true for what enters it, None for all; attempts that
    the policy did not write have no advantage.
    """
    return float((advantages if counted is None else advantages[counted]).std())


def divisor(sigma: float, scale: bool) -> float:
    """What the objective of an update is divided by: σ, at least LEAST_DEVIATION; 1 without `scale`."""
    return max(sigma, LEAST_DEVIATION) if scale else 1.0


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
