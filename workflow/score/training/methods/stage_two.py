"""Stage II of SCoRe, Eq 4 [arXiv 2409.12917]: every attempt counts, and progress earns a bonus.

    maximise E[ Σ_t r(y_t) + α Σ_{t>1} (r(y_t) − r(y_{t−1})) − β1 Σ_t KL(π(·|x_t) ‖ π_ref(·|x_t)) ]

where the bonus is the later turn's alone (γ = 0). With α = 10 the last of two turns earns 1 for
right→right, 0 for wrong→wrong, 11 for wrong→right and −10 for right→wrong. α = 0 pays each turn its
own score.
"""

from score.training.methods.method import Method
from score.training.methods.pieces import first_and_corrections, leave_one_out


def shaped_scores(scores, settings):
    rewards = scores.clone()
    rewards[:, 1:] += settings.stage2_alpha * (scores[:, 1:] - scores[:, :-1])
    return rewards


METHOD = Method(
    name="stage_two",
    rewards=shaped_scores,
    advantages=leave_one_out,
    kl_weights=first_and_corrections,
    sections=("training", "stage_two"),
    given_first=True,
)
