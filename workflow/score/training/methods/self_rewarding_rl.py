"""RL of self-rewarding correction [arXiv 2502.19613, section 3.2], from a policy of `self_rewarding`.

A rollout is attempt y_1, self-evaluation v_2, and only where that says "wrong" attempt y_2 (and so on):

    maximise E[ r(y_final) ] over all turns, less Σ_t β_t KL(π(·|x_t) ‖ π_ref(·|x_t))

where y_final is the last attempt that was made: the reward is the trajectory's, so every turn that a
rollout takes earns it (γ = 1), a self-evaluation by what comes of it. π_ref is the policy of
`self_rewarding` (an entry's `reference`).

Choices of ours: the authors train with PPO and a critic, several updates a set of rollouts; here it is
REINFORCE with a leave-one-out baseline over the rollouts of the problem that take the turn. The KL is
that of each turn with its history given. The self-evaluation of the last attempt, on which nothing
hangs, is not asked for, and messages stand between the turns, as in the authors' section 5.1.
"""

from score.training.methods.method import Method
from score.training.methods.pieces import (
    first_and_corrections,
    leave_one_out_where_taken,
    standing,
)


def score_of_what_stands(scores, settings):
    """The final attempt's score for every turn that is taken (B, 2 N − 1); nan stays where none is."""
    final = standing(scores)[:, -1:].expand(scores.shape)
    return final.masked_fill(scores.isnan(), float("nan"))


METHOD = Method(
    name="self_rewarding_rl",
    rewards=score_of_what_stands,
    advantages=leave_one_out_where_taken,
    kl_weights=first_and_corrections,
    sections=("training", "stage_two", "self_rewarding_rl"),
    verifies=True,
)
