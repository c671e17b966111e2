"""Standard multi-turn RL as SCoRe has it [arXiv 2409.12917, Eq 1]: the last turn alone is trained.

    maximise E[ r(y_N) − β1 KL(π(·|x_N) ‖ π_ref(·|x_N)) ]   with x_N given

Earlier attempts are sampled and not trained: they earn nothing and no KL holds them.
"""

from score.training.methods.method import Method
from score.training.methods.pieces import last_score, leave_one_out


def last_alone(turns: int, init_kl_coef: float, corr_kl_coef: float) -> list[float]:
    return [0.0] * (turns - 1) + [corr_kl_coef]


METHOD = Method(
    name="direct_multi_turn",
    rewards=last_score,
    advantages=leave_one_out,
    kl_weights=last_alone,
    sections=("training", "stage_two", "direct_multi_turn"),
    pays_first=False,
)
