"""Single-turn RL, Eq 2 of SCoRe [arXiv 2409.12917]: first attempts alone are trained.

    maximise E[ r(y_1) − β1 KL(π(·|x_1) ‖ π_ref(·|x_1)) ]

Like all baselines of the paper it is trained as Stage II where its own section does not say otherwise.
"""

from score.training.methods.method import Method
from score.training.methods.pieces import first_and_corrections, leave_one_out, own_score

METHOD = Method(
    name="single_turn",
    rewards=own_score,
    advantages=leave_one_out,
    kl_weights=first_and_corrections,
    sections=("training", "stage_two", "single_turn"),
    one_turn=True,
)
