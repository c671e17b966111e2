# Checked configuration, and what rules take from it. Everything a rule is told travels as sorted
# JSON, so that a rule runs again when one of its own settings changes and at no other time.

import json
from pathlib import Path

from score.preflight import check_config, check_inputs

CONFIG = check_config(config, "workflow/schemas/config.schema.yaml")
if workflow.is_main_process:
    check_inputs(CONFIG)

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
    places = [CONFIG["problems"][key] for key in ("data_path", "test_path")]
    flat = [p for place in places for p in (place if isinstance(place, list) else [place])]
    return [p for p in flat if p and Path(p).exists()]
