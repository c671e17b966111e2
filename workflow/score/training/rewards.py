"""What each turn is paid: the verifier's score, and in Stage II the shaping bonus.

Shapes: rows are rollouts, columns are turns, (B, N). The pay of a turn weights the tokens of that
turn and no others.
"""

import torch

from score.training.objectives import OBJECTIVES


def turn_pay(scores: torch.Tensor, objective: str, stage2_alpha: float) -> torch.Tensor:
    """Pay (B, N) of each turn, from the verifier's scores (B, N) in [0, 1].

    stage_one (Eq 3): the last turn earns its score, earlier turns earn nothing.
    stage_two (Eq 4): every turn earns its score, and every turn after the first also the bonus
    α (r_t − r_{t−1}). With α = 10 the last of two turns is paid 1 for right→right, 0 for
    wrong→wrong, 11 for wrong→right and −10 for right→wrong.
    single_turn (Eq 2): the one turn earns its score.
    direct_multi_turn: every turn earns the score of the last. That is the return to go of a reward
    on the last attempt alone, so unlike with the γ = 0 of the stages its gradient flows through the
    tokens of all turns, and a first attempt is paid for being easy to end well from. (Each turn paid
    its own score is another baseline: stage_two with α = 0.)
    """
    if objective == "stage_one":
        pay = torch.zeros_like(scores)
        pay[:, -1] = scores[:, -1]
        return pay
    if objective == "stage_two":
        bonus = torch.zeros_like(scores)
        bonus[:, 1:] = stage2_alpha * (scores[:, 1:] - scores[:, :-1])
        return scores + bonus
    if objective == "single_turn":
        return scores
    if objective == "direct_multi_turn":
        return scores[:, -1:].repeat(1, scores.size(1))
    raise ValueError(f"objective is {objective!r}; expected one of {', '.join(OBJECTIVES)}.")
