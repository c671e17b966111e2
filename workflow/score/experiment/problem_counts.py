"""Whether there are as many problems as a config asks for, as early as that can be known.

Sizes that the config states are compared when it is read, the rows of local files before any job starts,
and the rest, hub data and rows that are dropped, by prepare_problems (PrepareSettings.needed).
"""

from score.experiment.plan import NAMED, Plan


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
    """No more problems are asked for than the config's own train_size and test_size."""
    for split in ("train", "test"):
        size = plan.config["problems"][f"{split}_size"]
        if size is not None:
            check_asked_problems(plan, split, size, f"which is problems.{split}_size")


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
