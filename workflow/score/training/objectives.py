"""The objectives there are, and which settings fit which. No torch: it checks the config, too."""

import torch

OBJECTIVES = ("stage_one", "stage_two", "single_turn", "direct_multi_turn")


def check_objective(
    objective: str,
    num_turns: int,
    init_kl_coef: float,
    init_kl_target: float | None,
    offline_first_attempts: float,
) -> None:
    """ValueError where the settings of a training don't fit its objective."""
    if objective not in OBJECTIVES:
        raise ValueError(
            f"objective is {objective!r}; expected one of {', '.join(OBJECTIVES)}. Change objective."
        )
    if objective == "single_turn" and num_turns != 1:
        raise ValueError(
            f"num_turns is {num_turns}; expected 1 for objective single_turn, which trains first "
            "attempts alone. Change num_turns or the objective."
        )
    if objective != "single_turn" and num_turns < 2:
        raise ValueError(
            f"num_turns is {num_turns}; expected 2 or more for objective {objective}, since a second "
            "attempt is trained. Change num_turns, or train with single_turn."
        )
    if init_kl_target is not None:
        _check_target(objective, init_kl_coef, init_kl_target)
    if not 0 <= offline_first_attempts <= 1:
        raise ValueError(
            f"offline_first_attempts is {offline_first_attempts}; expected a share from 0 to 1. "
            "Change it: 0 samples every first attempt from the policy itself."
        )
    if offline_first_attempts and objective != "stage_two":
        raise ValueError(
            f"offline_first_attempts is {offline_first_attempts} with objective {objective}; expected "
            "0, since only stage_two trains corrections of attempts that are not its own. Remove it."
        )


def _check_target(objective: str, init_kl_coef: float, init_kl_target: float) -> None:
    if objective != "stage_one":
        raise ValueError(
            f"init_kl_target is {init_kl_target} with objective {objective}; expected none: only "
            "stage_one holds the first attempt to a KL. Remove it."
        )
    if not init_kl_target > 0:
        raise ValueError(
            f"init_kl_target is {init_kl_target}; expected more than 0 nats. Raise it, or set it to "
            "null for a fixed init_kl_coef."
        )
    if not init_kl_coef > 0:
        raise ValueError(
            f"init_kl_coef is {init_kl_coef} with an init_kl_target; expected more than 0, since the "
            "weight is adapted by factors. Raise it."
        )


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


GAIN = 0.1  # most that the weight changes by in an update is GAIN × LARGEST_ERROR, 2 %


LARGEST_ERROR = 0.2  # relative errors count up to here: the KL of one batch is a noisy estimate


def next_weight(weight: float, kl: float, target: float) -> float:
    """β2 after an update at `weight` whose first attempts were `kl` nats from the reference."""
    error = min(max(kl / target - 1, -LARGEST_ERROR), LARGEST_ERROR)
    return weight * (1 + GAIN * error)


def current_weight(records: list[dict], start: float, target: float | None) -> float:
    """β2 of the next update: `start`, or what follows from the last record; fixed without a target.

    Records hold init_kl_coef, the weight of their update, and kl_t1.
    """
    adapted = [record for record in records if "init_kl_coef" in record]
    if target is None or not adapted:
        return start
    return next_weight(adapted[-1]["init_kl_coef"], adapted[-1]["kl_t1"], target)


def kl_weights(objective: str, turns: int, init_kl_coef: float, corr_kl_coef: float) -> list[float]:
    """β_t of each turn, N values.

    stage_one: `init_kl_coef` (β2, large) holds every turn before the rewarded last one to the
    reference; `corr_kl_coef` (β1) is the weight of the last.
    stage_two, direct_multi_turn: `init_kl_coef` is the weight of the first attempt, `corr_kl_coef`
    that of every correction; the paper uses β1 for all. single_turn: `init_kl_coef`, of its only turn.
    """
    if objective == "stage_one":
        return [init_kl_coef] * (turns - 1) + [corr_kl_coef]
    return [init_kl_coef] + [corr_kl_coef] * (turns - 1)


REINFORCED = ("stage_one", "stage_two", "single_turn", "direct_multi_turn")
