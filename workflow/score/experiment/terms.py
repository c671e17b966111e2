"""The terms that a config gives each trained arm, for the comparability of claims."""

from dataclasses import asdict

from score.comparison.comparability import Terms
from score.experiment.budgets import budget_of, tuning_tokens
from score.experiment.plan import Plan
from score.training.methods import METHODS


def terms_of(plan: Plan) -> dict[str, dict]:
    """Arm -> its Terms as a dictionary, of every arm with a training of its own."""
    arms = [arm for arm in plan.arms[1:] if not plan.is_prompted(arm)]
    return {arm: asdict(_of_arm(plan, arm)) for arm in arms}


def _of_arm(plan: Plan, arm: str) -> Terms:
    tried = plan.candidates_of(arm)
    kl, scaled = None, None
    if plan.is_reinforced(arm):
        settings = [plan.settings(one) for one in tried or plan.instances_of(arm)[:1]]
        kl, scaled = [_kl_weights(each) for each in settings], settings[0]["scale_advantages"]
    size = plan.config["problems"]["validation_size"]
    spent = {**budget_of(plan, arm), "tuning_tokens": tuning_tokens(plan, arm)}
    return Terms(kl=kl, scaled=scaled, candidates=len(tried), judged_on=size or 0, **spent)


def _kl_weights(settings: dict) -> list[float | None]:
    """β of each attempt, of PAG's turns those of attempts alone, as all others have; None of a first
    attempt that earns nothing and that no KL holds whatever its weight."""
    method, turns = METHODS[settings["objective"]], settings["num_turns"]
    weights = method.kl_weights(turns, settings["init_kl_coef"], settings["corr_kl_coef"])
    if method.pays_first or method.alternates:
        return list(weights)
    held = method.kl_weights(turns, 1.0, 1.0)
    return [weight if would else None for weight, would in zip(weights, held, strict=True)]
