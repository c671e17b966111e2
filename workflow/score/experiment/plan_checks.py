"""What can be wrong between the policies of a config: where they start, their seeds and budgets.

Each check raises ValueError with the key, its value and the cure, before any job starts.
"""

from score.comparison.comparability import TOLERANCE
from score.experiment.budgets import budget_of, leaves
from score.experiment.plan import NAMED, PROMPTED, Plan
from score.fine_tuning.settings import FINE_TUNED
from score.sampling.chat_template import check_reserved
from score.sampling.history import check_history
from score.sampling.plain_prompts import check_prompt_format
from score.sampling.prompt_settings import BETWEEN, pinned_date, task_with
from score.tasks import load_task
from score.training.methods import METHODS


def check_plan(config: dict) -> None:
    """Objectives, origins, seeds, candidates and analyses."""
    policies = config["policies"]
    for name in policies:
        _check_objective(name, policies)
    for name in policies:
        _check_origin(name, policies)
    _check_seeds(config)
    _check_candidates(config)
    _check_named_policies(config)
    _check_prompted(config)
    _check_temperatures(config)
    _check_names(config)


def _check_objective(name: str, policies: dict) -> None:
    objective, known = policies[name]["objective"], (*METHODS, *FINE_TUNED, *PROMPTED)
    if objective not in known:
        raise ValueError(
            f'policies.{name}.objective is "{objective}"; expected one of {", ".join(known)}. Change '
            "objective."
        )
    if objective == "supervised" and "attempts_path" not in policies[name]:
        raise ValueError(
            f"policies.{name} lacks attempts_path; expected the file of the attempts that it imitates. "
            "Add it."
        )


def _check_origin(name: str, policies: dict) -> None:
    """Every chain of inits ends at base, and the reference of the KL lies on it."""
    chain = [name]
    while (init := policies[chain[-1]]["init"]) != "base":
        _check_known(f"policies.{chain[-1]}.init", init, policies)
        if init in chain:
            raise ValueError(
                f"policies.{name}.init leads back to {init!r} ({' <- '.join([*chain, init])}); "
                "expected a chain that ends at base. Set one init to base."
            )
        if policies[init]["objective"] in PROMPTED:
            raise ValueError(
                f"policies.{chain[-1]}.init is {init!r}, which is {policies[init]['objective']}: a way "
                "to prompt, without weights of its own; expected a trained policy or base."
            )
        chain.append(init)
    reference = policies[name].get("reference", "base")
    if reference != "base":
        _check_known(f"policies.{name}.reference", reference, policies)
        if reference not in chain[1:]:
            raise ValueError(
                f"policies.{name}.reference is {reference!r}; expected base or a policy that it is "
                f"trained from ({', '.join(['base', *chain[1:]])}). Correct it."
            )


def _check_known(key: str, name: str, policies: dict) -> None:
    if name not in policies:
        raise ValueError(
            f"{key} is {name!r}; expected one of {', '.join(['base', *policies])}. Correct it, or add "
            "a policy of that name."
        )


def _check_names(config: dict) -> None:
    """Each policy has a folder of its own, also on a disk that does not tell upper from lower case."""
    taken = {name.lower(): f"{name} names what every run has" for name in Plan(config).folders()}
    for name in config["policies"]:
        if other := taken.get(name.lower()):
            raise ValueError(
                f"policies has an entry named {name!r}, and {other}; expected names that differ in "
                "more than case, since each names a folder of the run. Rename it."
            )
        taken[name.lower()] = f"another is named {name!r}"


def _check_temperatures(config: dict) -> None:
    usual, others = config["evaluation"]["temperature"], config["analyses"]["temperatures"]
    if usual in others:
        raise ValueError(
            f"analyses.temperatures holds {usual}, which is evaluation.temperature; expected "
            "others, since all policies are evaluated at that one anyway. Remove it."
        )


def _check_seeds(config: dict) -> None:
    seeds = config["seeds"] or []
    if len(set(seeds)) < len(seeds):
        raise ValueError(
            f"seeds is {seeds}; expected each once, since a training repeated with its seed is the same "
            "training. Take other seeds."
        )
    tuning = config["tuning"]
    used = seeds or [config["random_seed"]]
    if tuning["candidates"] and tuning["random_seed"] in used:
        raise ValueError(
            f"tuning.random_seed is {tuning['random_seed']}, which is also a seed of the results; "
            "expected another, so that no training is judged by what it was chosen by. Change it."
        )


def _check_candidates(config: dict) -> None:
    candidates = config["tuning"]["candidates"]
    for name, entry in config["policies"].items():
        own = entry.get("candidates", candidates)
        if len(own) != len(candidates):
            raise ValueError(
                f"policies.{name}.candidates holds {len(own)} settings and tuning.candidates "
                f"{len(candidates)}; expected as many, so that all arms are tuned equally."
            )
    if candidates and not config["problems"]["validation_size"]:
        raise ValueError(
            "tuning.candidates is given and problems.validation_size is 0; expected problems to choose "
            "by. Raise validation_size, or leave candidates empty."
        )


def _check_named_policies(config: dict) -> None:
    known = ["base", *config["policies"]]
    for analysis in NAMED:
        for name in config["analyses"][analysis]["policies"]:
            if name not in known:
                raise ValueError(
                    f"analyses.{analysis}.policies holds {name!r}; expected some of "
                    f"{', '.join(known)}. Correct it."
                )
    crossed = config["analyses"]["cross_refinement"]["policies"]
    if len(crossed) == 1:
        raise ValueError(
            f"analyses.cross_refinement.policies is {crossed}; expected two or more, each of which "
            "corrects the others, or none. Add one, e.g. base."
        )


def _check_prompted(config: dict) -> None:
    load_task(config["task_type"])
    try:
        check_prompt_format(config["prompts"])
        pinned_date(config["prompts"]["template_date"])
        check_reserved(config["prompts"]["chat_template_kwargs"])
        check_history(config["prompts"]["history_thinking"], config["verifier"]["reasoning_tags"])
        task = task_with(config["task_type"], config["prompts"])
    except ValueError as error:
        raise ValueError(f"prompts.{error}") from None
    plan = Plan(config)
    for name, entry in config["policies"].items():
        names = BETWEEN[plan.prompting(name)]
        if any(not hasattr(task, each.upper()) for each in names):
            raise ValueError(
                f"policies.{name}.objective is {entry['objective']!r}; expected a task with "
                f"{' and '.join(map(str.upper, names))}, which {config['task_type']!r} lacks, and a "
                "policy that answers them in words. Leave the policy out, or write "
                f"{' and '.join(f'prompts.{each}' for each in names)}."
            )


def check_budgets(config: dict) -> None:
    """Trained arms from which no other starts took equally many samples and updates.

    Tokens alone where every arm has a budget of tokens, `total_tokens`.
    """
    plan = Plan(config)
    if config["allow_unequal_budget"] or len(compared := leaves(plan)) < 2:
        return
    budgets = {arm: budget_of(plan, arm) for arm in compared}
    by_tokens = all(budget["tokens"] is not None for budget in budgets.values())
    for kind in ("tokens",) if by_tokens else ("attempts", "updates"):
        spent = {arm: budget[kind] for arm, budget in budgets.items()}
        unknown = [arm for arm, count in spent.items() if count is None]
        if unknown:
            why = {
                "attempts": "problems.train_size is null, dynamic_sampling_rounds is set or the policy "
                "revises some attempts alone",
                "updates": "fine_tuning.updates is null or on_no_corrections is 'keep'",
            }[kind]
            why += ", or early_stop is set, or total_tokens"
            raise ValueError(
                f"{kind} of {', '.join(unknown)} are not known ahead: {why}; expected a number, so "
                "that budgets can be compared. Change that, or set allow_unequal_budget: true."
            )
        counts = [count for count in spent.values() if count is not None]
        if max(counts) > (1 + TOLERANCE) * min(counts):
            listed = ", ".join(f"{arm} {count}" for arm, count in spent.items())
            raise ValueError(
                f"{kind} of the trained policies differ: {listed}; expected equally many of each, or "
                "the comparison would be one of budgets. Change total_episodes, "
                "number_output_initial_generations, updates or total_tokens, or set "
                "allow_unequal_budget: true."
            )
