"""Whether there are as many problems as a config asks for, as early as that can be known.

Sizes that the config states are compared when it is read, the rows of local files before any job starts,
and the rest, hub data and rows that are dropped, by prepare_problems (PrepareSettings.needed).
"""

from math import prod

from score.experiment.plan import NAMED, Plan
from score.training.methods import METHODS


def asked_problems(plan: Plan, split: str) -> dict[str, int]:
    """How many problems of train or test are asked for, by what asks."""
    analyses = plan.config["analyses"]
    if split == "test":
        named = {f"analyses.{name}.num_problems": analyses[name] for name in NAMED}
        return {
            key: asked["num_problems"]
            for key, asked in named.items()
            if asked["policies"] and asked["num_problems"]
        }
    asked = {"analyses.train_problems": analyses["train_problems"]}
    for one in plan.trained:
        stated = plan.settings(one).get("training_problems")
        if stated and plan.objective(one) != "supervised":
            asked[f"training_problems of policies.{one.partition('/')[0]}"] = stated
    return {key: count for key, count in asked.items() if count}


def needed_problems(plan: Plan, split: str) -> int:
    """The most problems of that split that anything asks for; 0 where nothing does."""
    return max(asked_problems(plan, split).values(), default=0)


def check_asked_problems(plan: Plan, split: str, available: int, why: str) -> None:
    """ValueError where more problems of train or test are asked for than there are. why: so many."""
    for key, count in asked_problems(plan, split).items():
        if count > available:
            raise ValueError(
                f"{key} is {count}; expected at most {available}, {why}. Lower it, or bring "
                "more problems."
            )


def check_stated_sizes(plan: Plan) -> None:
    """No more problems are asked for than the config's own sizes, and enough for an update."""
    for instance in plan.trained:
        _check_one_update(plan, instance)
    for split in ("train", "test"):
        size = plan.config["problems"][f"{split}_size"]
        if size is not None:
            check_asked_problems(plan, split, size, f"which is problems.{split}_size")


def _check_one_update(plan: Plan, instance: str) -> None:
    """ValueError where a policy of RL is to train on fewer problems than a set of rollouts takes."""
    if plan.objective(instance) not in METHODS:
        return
    settings = plan.settings(instance)
    name, size = "training_problems", settings["training_problems"]
    if size is None:
        name, size = "problems.train_size", plan.config["problems"]["train_size"]
    factors = ("per_device_train_batch_size", "gradient_accumulation_steps", "mini_batches")
    rollouts = prod(settings[factor] for factor in factors)
    needed = rollouts // settings["number_output_initial_generations"]
    if size is not None and size < needed:
        raise ValueError(
            f"{name} of policies.{instance.partition('/')[0]} is {size}; expected at least {needed}, "
            f"since {rollouts} rollouts are sampled at once ({' × '.join(factors)}), "
            f"{settings['number_output_initial_generations']} of a problem "
            "(number_output_initial_generations). Raise it, or lower one of these."
        )


def check_rows(plan: Plan, data: int | None, test: int | None) -> None:
    """No more are asked for than local files have rows.

    data, test: rows that can be trained on and tested on, or None where they are on the hub. test is
    None also where test problems are cut from the data, so that test_size states their number.
    """
    problems = plan.config["problems"]
    if data is not None:
        cut = (
            problems["test_size"] if problems["test_path"] is problems["test_split"] is None else 0
        )
        left = data - problems["validation_size"] - cut
        check_asked_problems(plan, "train", left, "the rows that are left to train on")
    if test is not None:
        check_asked_problems(plan, "test", test, "the rows to test on")
