"""Whether the settings of a training fit its method: ValueError with the cure, before any job."""

from score.training.methods import METHODS
from score.training.methods.method import Method


def check_method(settings, rollouts: int | None) -> None:
    """ValueError where a method is asked for what it can't do.

    settings: objective, num_turns, init_kl_coef and the fields of MethodSettings. rollouts: K, those of
    one problem.
    """
    objective, turns = settings.objective, settings.num_turns
    if objective not in METHODS:
        raise ValueError(
            f"objective is {objective!r}; expected one of {', '.join(METHODS)}. Change objective."
        )
    method = METHODS[objective]
    if method.one_turn and turns != 1:
        raise ValueError(
            f"num_turns is {turns}; expected 1 for objective {objective}, which trains first "
            "attempts alone. Set it to 1 (a policy's entry: leave it out), or change the objective."
        )
    if not method.one_turn and turns < 2:
        raise ValueError(
            f"num_turns is {turns}; expected 2 or more for objective {objective}, since a second "
            "attempt is trained. Change num_turns, or train with single_turn."
        )
    if settings.init_kl_target is not None:
        _check_target(objective, settings.init_kl_coef, settings.init_kl_target)
    _check_given(method, settings.offline_first_attempts)
    _check_shared(method, settings.corrections_per_attempt, rollouts)
    _check_clipped(method, settings)


def check_one_step_off(settings, server: bool, processes: int = 1) -> None:
    """ValueError where the next set of rollouts can't be sampled while one is trained.

    settings: objective and the fields of MethodSettings. server: whether a vLLM server samples.
    """
    if not settings.one_step_off:
        return
    alternates = METHODS[settings.objective].alternates
    excluded = {
        "vllm_server_url": (
            not server,
            "not sampled from",
            "an address, with rollout_backend: vllm, since only another process can sample meanwhile",
        ),
        "the number of processes": (processes > 1, processes, "1, whose thread asks the server"),
        "objective": (alternates, settings.objective, "one whose sets are all sampled alike"),
        "dynamic_sampling_rounds": (
            settings.dynamic_sampling_rounds > 0,
            settings.dynamic_sampling_rounds,
            "0, since groups are replaced once their verdicts are known",
        ),
        "offline_first_attempts": (
            settings.offline_first_attempts > 0,
            settings.offline_first_attempts,
            "0, since given attempts are drawn update by update",
        ),
    }
    for name, (wrong, value, expected) in excluded.items():
        if wrong:
            raise ValueError(
                f"{name} is {value} with one_step_off; expected {expected}. Change it, or set "
                "one_step_off to false."
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


def _check_given(method: Method, share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(
            f"offline_first_attempts is {share}; expected a share from 0 to 1. "
            "Change it: 0 samples every first attempt from the policy itself."
        )
    if share and not method.given_first:
        raise ValueError(
            f"offline_first_attempts is {share} with objective {method.name}; expected "
            "0, since only stage_two trains corrections of attempts that are not its own. Remove it."
        )


def _check_shared(method: Method, corrections: int, rollouts: int | None) -> None:
    if corrections < 1:
        raise ValueError(
            f"corrections_per_attempt is {corrections}; expected 1 or more. Use 1 for a first attempt "
            "of every rollout's own."
        )
    if corrections == 1:
        return
    if method.one_turn or method.alternates or method.verifies:
        raise ValueError(
            f"corrections_per_attempt is {corrections} with objective {method.name}; expected 1, since "
            "not each of its rollouts is a first attempt and a correction. Remove it."
        )
    if rollouts is None or rollouts % corrections:
        raise ValueError(
            f"corrections_per_attempt is {corrections}; expected a divisor of the {rollouts} rollouts "
            "of a problem (number_output_initial_generations), so that each of its first attempts has "
            "as many corrections. Change one of the two."
        )
    if rollouts == corrections and method.pays_first:
        raise ValueError(
            f"corrections_per_attempt is {corrections} of {rollouts} rollouts of a problem, with "
            f"objective {method.name}; expected at most half of them, since this method pays first "
            "attempts, and one alone has no other to be compared with. Lower it, or raise "
            "number_output_initial_generations."
        )


def _check_clipped(method: Method, settings) -> None:
    """What belongs to the clipped ratio, to REINFORCE or to one method alone."""
    clips = {"clip_low": settings.clip_low, "clip_high": settings.clip_high}
    for name, value in clips.items():
        if method.clipped and (value is None or not 0 < value < (1 if name == "clip_low" else 10)):
            raise ValueError(
                f"{name} is {value} with objective {method.name}; expected how far π / π_old of a token "
                "may go, such as 0.2. Set it."
            )
        _only(method.clipped or value is None, name, value, "null", method)
    if settings.mini_batches < 1:
        raise ValueError(f"mini_batches is {settings.mini_batches}; expected 1 or more. Raise it.")
    _only(
        method.clipped or settings.mini_batches == 1,
        "mini_batches",
        settings.mini_batches,
        1,
        method,
    )
    rounds = settings.dynamic_sampling_rounds
    if rounds < 0:
        raise ValueError(f"dynamic_sampling_rounds is {rounds}; expected 0 or more. Raise it.")
    _only(method.replaces_equal or rounds == 0, "dynamic_sampling_rounds", rounds, 0, method)
    if method.clipped:
        for name in ("init_kl_coef", "corr_kl_coef", "scale_advantages"):
            value = getattr(settings, name)
            _only(not value, name, value, "false" if value is True else 0, method)
    if method.alternates and settings.num_turns != 2:
        raise ValueError(
            f"num_turns is {settings.num_turns} with objective {method.name}; expected 2, an "
            "attempt and its refinement. Set it to 2, in the policy's own entry if need be."
        )
    chosen_by = getattr(settings, "select_checkpoint", None)
    _only(
        not method.alternates or chosen_by != "training_reward",
        "select_checkpoint",
        chosen_by,
        "last or validation",
        method,
    )


def _only(fits: bool, name: str, value, expected, method: Method) -> None:
    if not fits:
        raise ValueError(
            f"{name} is {value} with objective {method.name}; expected {expected}, since this method "
            "has no use for another. Change it."
        )
