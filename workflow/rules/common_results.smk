# What the rules of tables and figures take: files of instances, and what stands beside them.

ARMS = PLAN.arms
TRAINED = [one for one in PLAN.instances if one in PLAN.trained]
REINFORCED_INSTANCES = [one for one in TRAINED if PLAN.objective(one) in REINFORCED]
FINE_TUNED_INSTANCES = [one for one in TRAINED if PLAN.objective(one) in FINE_TUNED]


def records_of(instance):
    """instance=file of its training records; one for each round of fine-tuning."""
    if PLAN.objective(instance) not in FINE_TUNED:
        return [f"{instance}={RESULTS}/{instance}/training.jsonl"]
    return in_rounds(instance, "training.jsonl")


def in_rounds(instance, name):
    """instance=file of that name, for each round of fine-tuning."""
    rounds = range(1, PLAN.iterations(instance) + 1)
    return [f"{instance}={RESULTS}/{instance}/iteration{i}/{name}" for i in rounds]


def sampling_of(instance):
    """instance=seconds of each job that only sampled for its training."""
    ahead = PLAN.pool(instance) is not None
    found = [f"{instance}={RESULTS}/{instance}/first_attempts.tsv"] if ahead else []
    if PLAN.objective(instance) == "self_taught":
        found += in_rounds(instance, "sample.tsv")
    return found


def starts_of(instances):
    """instance=the one it starts from, for those that start from another of these."""
    pairs = [(one, PLAN.init(one)) for one in instances]
    return [f"{one}={init}" for one, init in pairs if init in instances]


def vote_budgets():
    """Attempts that are voted over: 2, 4, 8 … up to all samples of a problem."""
    most = CONFIG["analyses"]["scaling"]["samples"]
    return [2**i for i in range(1, most.bit_length()) if 2**i <= most]


def flag(name, values):
    return [name, *values] if values else []


ALL_RECORDS = [record for one in TRAINED for record in records_of(one)]
ALL_SAMPLING = [seconds for one in TRAINED for seconds in sampling_of(one)]
ALL_ROUNDS = [
    told for one in FINE_TUNED_INSTANCES for told in in_rounds(one, "corrections.json")
]
CURVES = [record for one in REINFORCED_INSTANCES for record in records_of(one)]
EVERY_ANALYSIS = ["changes", "lengths", "cost"]
EVERY_ANALYSIS += ["levels"] if CONFIG["problems"]["level_col"] else []
EVERY_ANALYSIS += ["curves"] if CURVES else []
EVERY_ANALYSIS += [
    name for name in ("fixed", "scaling", "successive") if name in EVALUATIONS
]


def attempts_of(evaluation):
    """instance=file of judged attempts, for every instance of an evaluation that is made."""
    found = EVALUATIONS[evaluation].instances if evaluation in EVALUATIONS else []
    return [f"{one}={RESULTS}/{one}/{evaluation}/attempts.parquet" for one in found]


def files_in(pairs):
    """The files of instance=file, as a rule's input."""
    return [pair.partition("=")[2] for pair in pairs]


def interval_settings():
    return settings(
        bootstrap_samples=CONFIG["evaluation"]["bootstrap_samples"],
        bootstrap_seed=CONFIG["random_seed"],
    )


def budgets():
    """What the training of each arm may take; null where it follows from what is found."""
    return settings({arm: PLAN.budget(arm) for arm in PLAN.arms})


def run_description():
    """What stands beside our rows where they are compared with published ones."""
    places = CONFIG["problems"]["test_path"] or CONFIG["problems"]["data_path"]
    return settings(
        model_path=CONFIG["model_path"],
        dataset=places if isinstance(places, str) else ", ".join(places),
        temperature=CONFIG["evaluation"]["temperature"],
        samples=CONFIG["evaluation"]["samples"],
    )
