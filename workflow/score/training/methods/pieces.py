"""What several methods share: pay of the last attempt, KL weights, leave-one-out baselines."""

from score.training.methods.method import Groups


def own_score(scores, settings):
    """Every turn earns its own score."""
    return scores


def last_score(scores, settings):
    """The last turn earns its score, earlier turns earn nothing."""
    rewards = scores.new_zeros(scores.shape)
    rewards[:, -1] = scores[:, -1]
    return rewards


def standing(scores):
    """Scores (B, 2 N − 1) with that of the turn two before in place of each that was not taken."""
    filled = scores.clone()
    for turn in range(2, filled.size(1)):
        missing = filled[:, turn].isnan()
        filled[missing, turn] = filled[missing, turn - 2]
    return filled


def first_and_corrections(turns: int, init_kl_coef: float, corr_kl_coef: float) -> list[float]:
    """Turn 1 is held with init_kl_coef, every later turn with corr_kl_coef."""
    return [init_kl_coef] + [corr_kl_coef] * (turns - 1)


def from_group_mean(rewards, groups: Groups):
    """Rewards (B, N) less the mean of all K rollouts of the problem, their own included [GRPO]."""
    grouped = rewards.view(-1, groups.rollouts, rewards.size(1))
    return (grouped - grouped.mean(1, keepdim=True)).view_as(rewards)


def leave_one_out(rewards, groups: Groups):
    """Each reward (B, N) less the mean of those that share its history [RLOO, arXiv 2402.14740].

    A later turn is compared with the other C − 1 corrections of its own first attempt, so that what
    attempts differ in is no noise of its baseline. A first attempt is one sample, paid with the mean
    over its corrections, and compared with the other K / C − 1 attempts at its problem; where it is the
    only one, its baseline is 0. It lies in C rows of B, each of which has its advantage: a mean over
    rows is then one over first attempts. With C = 1 all K rollouts are each other's baseline, turn by
    turn.
    """
    k, c = groups
    if c == 1:
        return _less_the_others(rewards, k)
    attempts = of_attempts(rewards, c)
    if k > c:
        attempts = _less_the_others(attempts, k // c)
    advantages = _less_the_others(rewards, c)
    advantages[:, :1] = attempts.repeat_interleave(c, 0)
    return advantages


def leave_one_out_where_taken(rewards, groups: Groups):
    """Rewards less the mean of the others of the problem that take the turn; 0 where it is not taken."""
    grouped = rewards.view(-1, groups.rollouts, rewards.size(1))
    missing = grouped.isnan()
    paid = grouped.masked_fill(missing, 0)
    others = (~missing).sum(1, keepdim=True) - 1
    baselines = (paid.sum(1, keepdim=True) - paid) / others.clamp(min=1)
    return (paid - baselines).masked_fill(missing, 0).view_as(rewards)


def of_attempts(rewards, corrections: int):
    """Rewards (B / C, 1) of first attempts: of each the mean over its C corrections."""
    return rewards[:, :1].reshape(-1, corrections).mean(1, keepdim=True)


def _less_the_others(rewards, size: int):
    """Rewards (B, N) less the mean of the other size − 1 of their group, which lie side by side."""
    if size < 2:
        raise ValueError(
            f"number_output_initial_generations is {size}; expected 2 or more. The leave-one-out "
            "baseline needs other rollouts of the same problem."
        )
    grouped = rewards.view(-1, size, rewards.size(1))
    others = (grouped.sum(1, keepdim=True) - grouped) / (size - 1)
    return (grouped - others).view_as(rewards)
