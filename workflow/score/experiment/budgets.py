"""What the training of an arm takes: attempts, updates and tokens, as far as they are known ahead."""

from score.experiment.plan import Plan
from score.training.methods import METHODS


def budget_of(plan: Plan, arm: str) -> dict[str, int | None]:
    """What one instance costs, with all that it starts from, and what its tuning cost.

    attempts: sampled for training. updates: of the weights. tuning_attempts: of all candidates, each
    counted as if it sampled its own, though those that begin alike share them. tokens: sampled before
    training ends. None where it follows from the number of problems, or from what training finds;
    tokens also where they are no budget. Validation counts as none of these.
    """
    if arm == "base" or plan.is_prompted(arm):
        return {"attempts": 0, "updates": 0, "tuning_attempts": 0, "tokens": 0}
    before = budget_of(plan, plan.entry(arm)["init"])
    own = _own_budget(plan, plan.instances_of(arm)[0])
    tuning = len(plan.candidates_of(arm))
    return {
        "attempts": _sum(before["attempts"], own["attempts"]),
        "updates": _sum(before["updates"], own["updates"]),
        "tuning_attempts": _sum(before["tuning_attempts"], own["attempts"], times=tuning),
        "tokens": _sum(before["tokens"], _token_budget(plan, arm)),
    }


def _token_budget(plan: Plan, arm: str) -> int | None:
    """How many tokens an instance samples before its training ends, where that is set."""
    if plan.objective(arm) == "supervised":
        return 0
    settings = plan.settings(plan.instances_of(arm)[0])
    return settings.get("total_tokens") if plan.is_reinforced(arm) else None


def tuning_tokens(plan: Plan, arm: str) -> int | None:
    """How many tokens all candidates of an arm sample, and of those that it starts from; None where
    tokens are no budget."""
    if arm == "base" or plan.is_prompted(arm):
        return 0
    before = tuning_tokens(plan, plan.entry(arm)["init"])
    return _sum(before, _token_budget(plan, arm), times=len(plan.candidates_of(arm)))


def _own_budget(plan: Plan, instance: str) -> dict[str, int | None]:
    settings, problems = plan.settings(instance), plan.problems(instance)
    if plan.objective(instance) == "supervised":
        return {"attempts": 0, "updates": settings["updates"]}
    turns, samples = settings["num_turns"], settings["number_output_initial_generations"]
    if plan.is_reinforced(instance):
        method = METHODS[plan.objective(instance)]
        if settings.get("early_stop") is not None or settings["total_tokens"] is not None:
            return {"attempts": None, "updates": None}
        rollouts = settings["total_episodes"]
        batch = settings["per_device_train_batch_size"] * settings["gradient_accumulation_steps"]
        offline = settings.get("offline_first_attempts", 0)
        firsts = (1 - offline) / settings["corrections_per_attempt"]
        each = 1 if method.alternates else firsts + turns - 1
        attempts = round(rollouts * each)
        if settings["dynamic_sampling_rounds"]:
            attempts = None  # how many groups are replaced is found in training
        if method.verifies:
            attempts = None  # and so is how many attempts are revised
        if offline:
            pool = settings["first_attempts_per_problem"]
            attempts = None if problems is None else attempts + problems * pool
        return {"attempts": attempts, "updates": rollouts // batch}
    iterations, firsts, corrections = plan.iterations(instance), samples, 0
    if plan.objective(instance) == "self_taught":
        corrections = samples * settings["number_output_corrections"] * iterations
        firsts *= 1 if settings["variant"][0] == "F" else iterations
    elif plan.objective(instance) == "self_rewarding":
        problems = None  # how many attempts are revised is found in sampling
    # A round that finds nothing to imitate may make no update.
    updates = None if settings["on_no_corrections"] == "keep" else settings["updates"]
    return {
        "attempts": None if problems is None else problems * (firsts + corrections),
        "updates": None if updates is None else updates * iterations,
    }


def leaves(plan: Plan) -> list[str]:
    """The trained arms that no other starts from: those that a comparison is about."""
    inits = {entry["init"] for entry in plan.config["policies"].values()}
    trained = [arm for arm in plan.arms[1:] if not plan.is_prompted(arm)]
    return [arm for arm in trained if arm not in inits]


def _sum(before: int | None, own: int | None, times: int = 1) -> int | None:
    return None if before is None or own is None else before + own * times
