"""Advantages of one rank's rollouts, from the rewards of all ranks: groups of K may lie across them."""

from collections.abc import Callable

import torch
from accelerate.utils import gather

from score.training.methods.method import Groups
from score.training.methods.pieces import of_attempts

# Least σ that an update is divided by, so that one whose groups are nearly all paid alike is not blown
# up: about what one rollout in a hundred makes of it that is paid 1 where the rest of its group gets 0.
LEAST_DEVIATION = 0.1


def rank_advantages(
    rewards: torch.Tensor,
    order: list[int],
    groups: Groups,
    rank: int,
    offline: list[bool] | None = None,
    *,
    of: Callable,
    roles: int = 1,
) -> tuple[torch.Tensor, float | list[float]]:
    """Advantages (B, N) of a rank's rows from their rewards (B, N), and σ of those of all ranks.

    Rewards of turns that a rollout does not take are nan, and have no part in σ. With `roles` that turns
    have by turns σ is a list of N, of each turn that of its role.

    Rewards and advantages are in the order of the batch. order: which row of the groups each row of
    the batch is. offline: whose first attempt was given and has no part in σ; None on every rank where
    none can be. of: the method's advantages, (rewards, Groups) -> advantages.
    """
    everyones = _everyones(rewards, order)
    advantages = of(everyones, groups)
    missing = everyones.isnan()
    counted = ~missing if missing.any() or roles > 1 else None
    if offline is not None:
        sampled = torch.ones_like(rewards)
        sampled[torch.tensor(offline), 0] = 0
        counted = _everyones(sampled, order) > 0
    first = rank * len(order)
    mine = advantages[first : first + len(order)][order]
    if roles == 1:
        return mine, deviation(advantages, counted)
    of_role = [deviation(advantages[:, r::roles], counted[:, r::roles]) for r in range(roles)]
    return mine, [of_role[t % roles] for t in range(advantages.size(1))]


def _everyones(values: torch.Tensor, order: list[int]) -> torch.Tensor:
    """Values (B, N) of this rank's rows -> those of all ranks' rows, in groups."""
    in_groups = torch.empty_like(values)
    in_groups[order] = values
    return gather(in_groups)


def deviation(advantages: torch.Tensor, counted: torch.Tensor | None = None) -> float:
    """σ of an update: the standard deviation of its advantages (B, N), over rollouts and turns.

    One number for all turns keeps the ratio between their rewards, which α sets; a turn that earns
    nothing counts with its zeros. counted (B, N): true for what enters it, None for all; attempts that
    the policy did not write have no advantage.
    """
    return float((advantages if counted is None else advantages[counted]).std())


def divisor(sigma: float | list[float], scale: bool) -> float | list[float]:
    """What the objective of an update is divided by: σ, at least LEAST_DEVIATION; 1 without `scale`.

    A list of what each turn's is divided by where σ is one of each turn.
    """
    if isinstance(sigma, list):
        return [divisor(one, scale) for one in sigma]
    return max(sigma, LEAST_DEVIATION) if scale else 1.0


def in_equal_groups(
    rewards: torch.Tensor,
    order: list[int],
    groups: Groups,
    rank: int,
    offline: list[bool] | None = None,
) -> torch.Tensor:
    """Which of a rank's rollouts (B, N) are in a group whose rewards of that turn are all equal.

    Such rollouts have no advantage there. The group of a first attempt are all rollouts of its problem,
    that of a later one those which continue the same first attempt, or all where each has its own. The
    rows are in the order of the groups; other arguments are those of `rank_advantages`. A first attempt
    that was given has no advantage either.
    """
    if offline is not None:
        rewards = rewards.clone()
        rewards[torch.tensor(offline), 0] = 0
    everyones, (k, c) = _everyones(rewards, order), groups
    equal = _equal_in(everyones, k if c == 1 else c)
    equal[:, :1] = _equal_in(of_attempts(everyones, c).repeat_interleave(c, 0), k)
    first = rank * len(order)
    return equal[first : first + len(order)]


def _equal_in(rewards: torch.Tensor, size: int) -> torch.Tensor:
    """Whether rewards (B, N) equal all others of their group of `size` neighbours, but for nan.

    A rollout that alone of its group takes a turn has its reward as advantage, so it equals a 0.
    """
    grouped = rewards.reshape(-1, size, rewards.size(1))
    lowest = grouped.nan_to_num(nan=torch.inf).amin(1)
    highest = grouped.nan_to_num(nan=-torch.inf).amax(1)
    alone = ((~grouped.isnan()).sum(1) == 1) & grouped.isnan().any(1)
    return ((lowest >= highest) & (~alone | (highest == 0))).repeat_interleave(size, 0)
