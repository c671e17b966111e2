# Checked configuration, and what rules take from it. Everything a rule is told travels as sorted
# JSON, so that a rule runs again when one of its own settings changes and at no other time.

import json
from pathlib import Path

from score.preflight import check_config, check_inputs

try:
    CONFIG = check_config(config, "workflow/schemas/config.schema.yaml")
    if workflow.is_main_process:
        check_inputs(CONFIG)
except ValueError as error:
    raise WorkflowError(str(error)) from None

RESULTS = f"results/{CONFIG['run_name']}"
POLICIES = ["base", *CONFIG["policies"]]


wildcard_constraints:
    policy="|".join(POLICIES),


def settings(*sections, **values):
    """Some sections of the config and single values, as sorted JSON."""
    merged = {}
    for section in sections:
        merged.update(section)
    return json.dumps({**merged, **values}, sort_keys=True)


def common(*keys):
    return {key: CONFIG[key] for key in keys}


def policy_path(name):
    """Where a policy's weights are: the base is given, the others are trained."""
    return CONFIG["model_path"] if name == "base" else f"{RESULTS}/{name}/policy"


def policy_files(name):
    """The same as a rule's input; a base policy from the hub is no file."""
    path = policy_path(name)
    return path if name != "base" or Path(path).exists() else []


def few_shot_files():
    folder = CONFIG["few_shot_dir"]
    task = Path(CONFIG["task_type"]).stem
    return sorted(map(str, Path(folder).glob(f"{task}_*.json"))) if folder else []


def few_shot_flag():
    folder = CONFIG["few_shot_dir"]
    return ["--few-shot-dir", folder] if folder else []


def show_table(results):
    table = Path(results) / "self_correction.md"
    if table.is_file():
        print(f"\n{table}\n\n{table.read_text()}")


def data_files():
    """Local files and folders of problems; hub names are not files."""
    places = []
    for key in ("data_path", "test_path"):
        place = CONFIG["problems"][key]
        places += place if isinstance(place, list) else [place]
    return [place for place in places if place and Path(place).exists()]


def problem_settings(verifier):
    return settings(
        CONFIG["problems"], verifier, common("task_type", "random_seed", "cache_dir")
    )


def decisive_problem_settings():
    """Those that decide which problems there are: the verifier does only where it drops some."""
    drops = CONFIG["problems"]["on_bad_gold"] == "drop"
    return problem_settings(CONFIG["verifier"] if drops else {})


def sampling_settings():
    """The evaluation settings that attempts depend on; the intervals come later."""
    evaluation = dict(CONFIG["evaluation"])
    del evaluation["bootstrap_samples"]
    return settings(
        evaluation,
        common("task_type", "random_seed", "cache_dir", "num_turns", "precision"),
    )


def with_objective(objective):
    """The policies trained with an objective, as a wildcard's pattern."""
    entries = CONFIG["policies"].items()
    names = [name for name, entry in entries if entry["objective"] == objective]
    return "|".join(names) or "no_policy_has_this_objective"


def init_of(w):
    return CONFIG["policies"][w.policy]["init"]


def training_settings(w):
    """A policy's own entry wins over its stage's section, and that over `training`."""
    entry = CONFIG["policies"][w.policy]
    own = {key: value for key, value in entry.items() if key != "init"}
    return settings(
        CONFIG["verifier"],
        common("task_type", "random_seed", "cache_dir", "num_turns", "precision"),
        common("wandb_project_name", "run_name"),
        CONFIG["training"],
        CONFIG[entry["objective"]],
        own,
    )
