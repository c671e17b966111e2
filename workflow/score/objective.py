"""The objective of SCoRe as a loss on tokens: pure tensors in, tensors out.

Legend of shapes: B rollouts, N turns, K rollouts of one problem, T token positions behind the first
prompt. `turn` (B, T) names the turn that wrote each token, 1 … N, and is 0 for every token that no
turn wrote (the correction message between two attempts, padding).

What is optimised, for each turn t with its pay and its own history x_t (§2 of the method, γ = 0):

    E[ pay_t − β_t KL(π(·|x_t) ‖ π_ref(·|x_t)) ]

where the gradient flows through the tokens of turn t alone: the history x_t counts as given. The KL
is that of whole attempts. Both estimators below have exactly its gradient in expectation:

    k1   the log-ratio log π(y_t) − log π_ref(y_t) of an attempt is a cost, taken from its pay
    k2   half the squared log-ratio of an attempt is added to the loss

(The popular k3, and k2 of single tokens, do not: their expected gradients belong to other
quantities.)
"""

import torch

KL_ESTIMATORS = ("k1", "k2")


def kl_weights(objective: str, turns: int, init_kl_coef: float, corr_kl_coef: float) -> list[float]:
    """β_t of each turn, N values.

    stage_one: `init_kl_coef` (β2, large) holds every turn before the rewarded last one to the
    reference; `corr_kl_coef` (β1) is the weight of the last.
    stage_two: `init_kl_coef` is the weight of the first attempt, `corr_kl_coef` that of every
    correction; the paper uses β1 for all.
    """
    if objective == "stage_one":
        return [init_kl_coef] * (turns - 1) + [corr_kl_coef]
    return [init_kl_coef] + [corr_kl_coef] * (turns - 1)


def per_turn_sum(values: torch.Tensor, turn: torch.Tensor, turns: int) -> torch.Tensor:
    """Sums (B, N) of `values` (B, T) over the tokens of each turn."""
    return torch.stack([(values * (turn == t)).sum(1) for t in range(1, turns + 1)], dim=1)


def leave_one_out(pay: torch.Tensor, k: int) -> torch.Tensor:
    """Advantages (B, N): each pay minus the mean pay of the other K − 1 rollouts of its problem.

    Rows must lie in groups of `k` rollouts of one problem. Each turn has its own baseline.
    """
    if k < 2:
        raise ValueError(
            f"number_output_initial_generations is {k}; expected 2 or more. The leave-one-out "
            "baseline needs other rollouts of the same problem."
        )
    groups = pay.view(-1, k, pay.size(1))
    others = (groups.sum(1, keepdim=True) - groups) / (k - 1)
    return (groups - others).view_as(pay)


def scale_by_batch(advantages: torch.Tensor) -> torch.Tensor:
    """Advantages (B, N) divided by one standard deviation over all rollouts and turns.

    One number for both turns keeps the ratio between their pays, which α sets. The KL weights then
    count against advantages of unit size.
    """
    return advantages / (advantages.std() + 1e-4)


def attempt_ratio(
    logps: torch.Tensor, old_logps: torch.Tensor, turn: torch.Tensor, turns: int, level: str
) -> torch.Tensor:
    """Importance ratio (B, T) π / π_old of every token.

    level "turn": the product over the attempt that the token belongs to, exact for attempts sampled
    from π_old; "token": the token's own ratio, of far smaller variance and exact at π = π_old.
    """
    difference = (logps - old_logps) * (turn > 0)
    if level == "token":
        return difference.exp()
    ratios = per_turn_sum(difference, turn, turns).exp()
    return _spread(ratios, turn)


def policy_loss(
    logps: torch.Tensor,
    turn: torch.Tensor,
    advantages: torch.Tensor,
    *,
    ref_logps: torch.Tensor | None = None,
    kl_weights: list[float] | None = None,
    old_logps: torch.Tensor | None = None,
    ratio_level: str = "token",
) -> torch.Tensor:
    """The loss whose gradient is minus that of the objective: a mean over rollouts of sums of tokens.

    logps (B, T): log π of each token, with gradient. advantages (B, N): of each turn (for k1 with the
    KL cost inside). ref_logps (B, T) and kl_weights (N): given for k2, which adds the KL here.
    old_logps (B, T): log-probabilities at sampling time, None when the policy has not moved since.
    Tokens of turn 0 have no weight anywhere, so their gradient is exactly 0.
    """
    turns = advantages.size(1)
    weight = _spread(advantages, turn)
    if old_logps is None:
        surrogate = weight * logps
    else:
        surrogate = weight * attempt_ratio(logps, old_logps, turn, turns, ratio_level)
    loss = -(surrogate * (turn > 0)).sum() / logps.size(0)
    if ref_logps is not None and kl_weights is not None:
        log_ratio = per_turn_sum(logps - ref_logps, turn, turns)
        k2 = log_ratio.square() / 2
        if old_logps is not None:
            k2 = k2 * per_turn_sum(logps.detach() - old_logps, turn, turns).exp()
        loss = loss + (k2 * logps.new_tensor(kl_weights)).sum() / logps.size(0)
    return loss


def _spread(per_turn: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    """Values (B, N) of turns laid out on their tokens, (B, T); 0 where no turn wrote."""
    padded = torch.cat([torch.zeros_like(per_turn[:, :1]), per_turn], dim=1)
    return padded.gather(1, turn)
