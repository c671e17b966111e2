"""Stage I of SCoRe, Eq 3 [arXiv 2409.12917]: learn to correct, with the first attempt held in place.

    maximise E[ r(y_N) ] − β2 Σ_{t<N} KL(π(·|x_t) ‖ π_ref(·|x_t)) − β1 KL(π(·|x_N) ‖ π_ref(·|x_N))

The last turn earns its score; earlier turns earn nothing and are held to the reference by a large β2
(init_kl_coef). Three turns are Stage I(b) of the ICLR version, A.1, with the policy of two turns as
reference.
"""

from score.training.methods.method import Method
from score.training.methods.pieces import last_score, leave_one_out


def hold_all_but_last(turns: int, init_kl_coef: float, corr_kl_coef: float) -> list[float]:
    return [init_kl_coef] * (turns - 1) + [corr_kl_coef]


METHOD = Method(
    name="stage_one",
    rewards=last_score,
    advantages=leave_one_out,
    kl_weights=hold_all_but_last,
    sections=("training", "stage_one"),
    pays_first=False,
)
