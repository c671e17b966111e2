"""The objectives of reinforcement learning, as one table. No torch: the config is checked by it, too.

Legend of shapes: B rollouts, N turns. What is optimised, for each turn t on its own history x_t, which
counts as given (γ = 0):

    E[ reward_t − β_t KL(π(·|x_t) ‖ π_ref(·|x_t)) ]

A new objective is an entry of OBJECTIVES: what each turn is rewarded with, and its β_t.
"""

from collections.abc import Callable
from dataclasses import dataclass

GAIN = 0.1  # most that β2 changes by in an update is GAIN × LARGEST_ERROR, 2 %
LARGEST_ERROR = 0.2  # relative errors count up to here: the KL of one batch is a noisy estimate


@dataclass(frozen=True)
class Objective:
    """What distinguishes one training from another.

    rewards: (scores (B, N) in [0, 1], MethodSettings) -> rewards (B, N). kl_weights: (N, init_kl_coef,
    corr_kl_coef) -> β_t, N values. sections: of the config, whose settings it takes; the later win.
    one_turn: whether it trains first attempts alone. offline: whether first attempts may be given.
    """

    rewards: Callable
    kl_weights: Callable[[int, float, float], list[float]]
    sections: tuple[str, ...]
    one_turn: bool = False
    offline: bool = False


def _last_score(scores, settings):
    rewards = scores.new_zeros(scores.shape)
    rewards[:, -1] = scores[:, -1]
    return rewards


def _shaped_scores(scores, settings):
    rewards = scores.clone()
    rewards[:, 1:] += settings.stage2_alpha * (scores[:, 1:] - scores[:, :-1])
    return rewards


def _hold_all_but_last(turns: int, init_kl_coef: float, corr_kl_coef: float) -> list[float]:
    return [init_kl_coef] * (turns - 1) + [corr_kl_coef]


def _first_and_corrections(turns: int, init_kl_coef: float, corr_kl_coef: float) -> list[float]:
    return [init_kl_coef] + [corr_kl_coef] * (turns - 1)


def _last_alone(turns: int, init_kl_coef: float, corr_kl_coef: float) -> list[float]:
    return [0.0] * (turns - 1) + [corr_kl_coef]


# The baselines are trained like Stage II where their own sections do not say otherwise.
OBJECTIVES = {
    # Stage I, Eq 3: the last turn earns its score, earlier turns earn nothing and are held to the
    # reference by a large β2 (init_kl_coef).
    "stage_one": Objective(_last_score, _hold_all_but_last, ("training", "stage_one")),
    # Stage II, Eq 4: every turn earns its score, and every turn after the first also the bonus
    # α (r_t − r_{t−1}). With α = 10 the last of two turns earns 1 for right→right, 0 for wrong→wrong,
    # 11 for wrong→right and −10 for right→wrong.
    "stage_two": Objective(
        _shaped_scores, _first_and_corrections, ("training", "stage_two"), offline=True
    ),
    # Eq 2: the one turn earns its score.
    "single_turn": Objective(
        lambda scores, settings: scores,
        _first_and_corrections,
        ("training", "stage_two", "single_turn"),
        one_turn=True,
    ),
    # The paper's standard multi-turn RL: Eq 1 on the last turn alone. Earlier attempts are sampled and
    # not trained: they earn nothing and no KL holds them.
    "direct_multi_turn": Objective(
        _last_score, _last_alone, ("training", "stage_two", "direct_multi_turn")
    ),
    # Every turn earns the score of the last. That is the return to go of a reward on the last attempt
    # alone (γ = 1), so unlike with γ = 0 its gradient flows through the tokens of all turns.
    # (Each turn rewarded with its own score is another baseline: stage_two with α = 0.)
    "summed_return": Objective(
        lambda scores, settings: scores[:, -1:].expand(scores.shape).clone(),
        _first_and_corrections,
        ("training", "stage_two", "summed_return"),
    ),
}


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
    if OBJECTIVES[objective].one_turn and num_turns != 1:
        raise ValueError(
            f"num_turns is {num_turns}; expected 1 for objective {objective}, which trains first "
            "attempts alone. Change num_turns or the objective."
        )
    if not OBJECTIVES[objective].one_turn and num_turns < 2:
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
    if offline_first_attempts and not OBJECTIVES[objective].offline:
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


def next_weight(weight: float, kl: float, target: float) -> float:
    """β2 after an update at `weight` whose first attempts were `kl` nats from the reference.

    The proportional controller of Ziegler et al. 2019 (arXiv 1909.08593, §2.2).
    """
    error = min(max(kl / target - 1, -LARGEST_ERROR), LARGEST_ERROR)
    return weight * (1 + GAIN * error)


def current_weight(records: list[dict], start: float, target: float | None) -> float:
    """β2 of the next update: `start`, or what follows from the last record; fixed without a target.

    records: of the updates before, with init_kl_coef, the weight of their update, and kl_t1. They are
    all the state there is, so that it resumes with the checkpoint.
    """
    adapted = [record for record in records if "init_kl_coef" in record]
    if target is None or not adapted:
        return start
    return next_weight(adapted[-1]["init_kl_coef"], adapted[-1]["kl_t1"], target)
