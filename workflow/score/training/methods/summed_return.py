"""Multi-turn RL whose reward is credited to all turns: the return to go with γ = 1.

    maximise E[ r(y_N) ] over all attempts, less β1 Σ_t KL(π(·|x_t) ‖ π_ref(·|x_t))

Every turn earns the score of the last, so unlike with γ = 0 the gradient of the reward flows through
the tokens of all turns. (Each turn paid with its own score is another baseline: stage_two with α = 0.)
"""

from score.training.methods.method import Method
from score.training.methods.pieces import first_and_corrections, leave_one_out


def score_of_the_last(scores, settings):
    return scores[:, -1:].expand(scores.shape).clone()


METHOD = Method(
    name="summed_return",
    rewards=score_of_the_last,
    advantages=leave_one_out,
    kl_weights=first_and_corrections,
    sections=("training", "stage_two", "summed_return"),
)
