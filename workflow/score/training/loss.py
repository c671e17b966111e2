"""The objective of SCoRe as a loss on tokens: pure tensors in, tensors out.

Legend of shapes: B rollouts, N turns, K rollouts of one problem, T token positions behind the first
prompt. `turn` (B, T) names the turn that wrote each token, 1 … N, and is 0 for every token that no
turn wrote (the correction message between two attempts, padding).

What is optimised, for each turn t with its reward and its own history x_t (§2 of the method, γ = 0):

    E[ reward_t − β_t KL(π(·|x_t) ‖ π_ref(·|x_t)) ]

where the gradient flows through the tokens of turn t alone: the history x_t counts as given.
(summed_return rewards a turn with the last attempt's score, which depends on what the turn wrote:
there the reward's gradient flows through all turns, and the KL's stays with its own.) The KL is that
of whole attempts. Both estimators below have exactly its gradient in expectation, where attempts are
sampled from the policy itself:

    k1   the log-ratio log π(y_t) − log π_ref(y_t) of an attempt is a cost, taken from its reward
    k2   half the squared log-ratio of an attempt is added to the loss

(The popular k3, and k2 of single tokens, do not: their expected gradients belong to other
quantities.) Where the sampler's arithmetic is not the trainer's, in bfloat16 and with vLLM, attempts
come from a slightly other distribution. The ratio of a whole attempt corrects for that exactly, given
its history. Training takes those of tokens, capped: each token's own ratio is right and those of the
tokens before it are left out, a small bias for a far smaller variance.

The objective of an update may be divided by one number, the deviation σ of its advantages. Rewards
and KL are divided alike, so β keeps its meaning: the gradient of a batch keeps its direction, and in
expectation each batch counts with the weight 1 / σ.
"""

import math

import torch

KL_ESTIMATORS = ("k1", "k2")


def per_turn_sum(values: torch.Tensor, turn: torch.Tensor, turns: int) -> torch.Tensor:
    """Sums (B, N) of `values` (B, T) over the tokens of each turn."""
    masked = [values.masked_fill(turn != t, 0) for t in range(1, turns + 1)]
    return torch.stack([value.sum(1) for value in masked], dim=1)


def charge_kl(
    rewards: torch.Tensor, log_ratios: torch.Tensor, kl_weights: list[float]
) -> torch.Tensor:
    """k1: rewards (B, N) less β_t times the log-ratio (B, N) of each turn's attempt, Eq 2."""
    return rewards - log_ratios.detach() * rewards.new_tensor(kl_weights)


def policy_loss(
    logps: torch.Tensor,
    turn: torch.Tensor,
    advantages: torch.Tensor,
    *,
    ref_logps: torch.Tensor | None = None,
    kl_weights: list[float] | None = None,
    old_logps: torch.Tensor | None = None,
    ratio_level: str = "token",
    ratio_cap: float = math.inf,
    divisor: float | list[float] = 1.0,
    sequences: int = 1,
) -> torch.Tensor:
    """The loss whose gradient is minus that of the objective: a mean over rollouts of sums of tokens.

    logps (B, T): log π of each token, with gradient. advantages (B, N): of each turn (for k1 with the
    KL cost inside). ref_logps (B, T) and kl_weights (N): given for k2, which adds the KL here.
    old_logps (B, T): log-probabilities under the distribution that was sampled from, π_old, None
    where that is the policy itself; attempts then count with their importance ratio π / π_old.
    `ratio_level` "turn" takes that of a whole attempt, exact for attempts sampled from π_old; "token"
    that of each token, at most `ratio_cap` and 1 where `old_logps` is nan: of far smaller variance,
    and exact at π = π_old. divisor: of the whole objective, rewards and KL alike; a list: of what each
    turn adds to it. sequences: of a rollout; where there are several, a row of B is one of them, every
    turn lies wholly in one, and the mean is still one over rollouts. Tokens of turn 0 count nowhere:
    their gradient is exactly 0.
    """
    turns = advantages.size(1)
    if old_logps is not None and ratio_level == "turn":
        moved = per_turn_sum(logps - old_logps, turn, turns)
        credit, weight = moved.exp(), moved.detach().exp()
    else:
        ratios = 1.0 if old_logps is None else token_ratios(logps, old_logps, ratio_cap)
        credit, weight = per_turn_sum(ratios * logps, turn, turns), 1.0
    objective = advantages * credit
    if ref_logps is not None:
        log_ratio = per_turn_sum(logps - ref_logps, turn, turns)
        if old_logps is not None and ratio_level == "token":
            k2 = log_ratio.detach() * credit  # the gradient of k2, with each token at its own ratio
        else:
            k2 = log_ratio.square() / 2 * weight
        objective = objective - k2 * logps.new_tensor(kl_weights)
    if isinstance(divisor, list):
        objective, divisor = objective / logps.new_tensor(divisor), 1.0
    return -objective.sum() * sequences / (logps.size(0) * divisor)


def clipped_loss(
    logps: torch.Tensor,
    turn: torch.Tensor,
    advantages: torch.Tensor,
    old_logps: torch.Tensor,
    clip: tuple[float, float],
    *,
    weights: torch.Tensor | float = 1.0,
    divisor: float = 1.0,
    sequences: int = 1,
) -> torch.Tensor:
    """Minus the clipped objective of PPO and GRPO, a mean over rollouts of sums over tokens τ of

        min( ρ_τ A, clip(ρ_τ, 1 − low, 1 + high) A ),   ρ = π / π_old

    with A the advantage of the token's turn. logps, turn, advantages, sequences: as in `policy_loss`.
    old_logps (B, T): log-probabilities under the policy that the rollouts were sampled from. clip: low
    and high. weights (B, T): of tokens, for a sampler whose arithmetic is another. divisor: the mean
    tokens of a rollout make this a mean over tokens.
    """
    of_token = torch.nn.functional.pad(advantages, (1, 0)).gather(1, turn)
    ratio = (logps - old_logps).exp()
    bounded = ratio.clamp(1 - clip[0], 1 + clip[1])
    objective = torch.minimum(ratio * of_token, bounded * of_token) * weights
    return -objective.sum() * sequences / (logps.size(0) * divisor)


def token_ratios(logps: torch.Tensor, old_logps: torch.Tensor, cap: float) -> torch.Tensor:
    """π / π_old of each token, at most `cap`, as weights without gradient: (B, T) each.

    1 where `old_logps` is nan, which an engine may tell of a token.
    """
    return (logps.detach() - old_logps).exp().nan_to_num(nan=1.0).clamp(max=cap)
