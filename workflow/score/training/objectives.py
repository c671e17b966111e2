"""The objectives there are, and which settings fit which. No torch: it checks the config, too."""

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
