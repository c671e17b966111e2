"""What can be found wrong before any job starts: the config, then the files it names.

Both checks raise ValueError with the key, its value and the cure. `check_config` needs milliseconds
and runs whenever the workflow is read; `check_inputs` looks at files and the chat template.
"""

import difflib
from pathlib import Path

import jsonschema
import yaml

from score.tasks import load_task

_STAGES = ("stage_one", "stage_two")
_CURES = {
    "top_p": "Training must sample from the distribution of its log-probabilities; set 1.0.",
    "top_k": "Training must sample from the distribution of its log-probabilities; set 0.",
    "number_output_initial_generations": "The baseline needs other rollouts of the same problem.",
}


def check_config(config: dict, schema_path: str) -> dict:
    """The config itself, when it fits the schema and its values fit each other."""
    schema = yaml.safe_load(Path(schema_path).read_text())
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise ValueError("\n".join(_explain(error) for error in errors))
    task = load_task(config["task_type"])
    function = config["verifier"]["evaluator_function"]
    if function is not None and function not in task.EVALUATOR_FUNCTIONS:
        raise ValueError(
            f"verifier.evaluator_function is {function!r}; expected one of "
            f"{', '.join(task.EVALUATOR_FUNCTIONS)} for task_type {config['task_type']!r}."
        )
    evaluation = config["evaluation"]
    if evaluation["temperature"] == 0 and evaluation["samples"] > 1:
        raise ValueError(
            f"evaluation.samples is {evaluation['samples']} at evaluation.temperature 0; expected 1, "
            "since greedy attempts are all alike. Raise the temperature or lower samples."
        )
    for name in config["policies"]:
        _check_policy(name, config)
    return config


def _explain(error: jsonschema.ValidationError) -> str:
    key = ".".join(map(str, error.absolute_path)) or "config"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        near = difflib.get_close_matches(unknown[0], known, n=1)
        cure = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(known)}."
        return f"{key} has the unknown key {unknown[0]!r} = {error.instance[unknown[0]]!r}. {cure}"
    cure = _CURES.get(key.rpartition(".")[2], "")
    if isinstance(error.instance, str) and _is_number(error.instance):
        cure = "It is text to YAML: write a number with a decimal point, such as 1.0e-5."
    return f"{key} is {error.instance!r}; {_expected(error)}. {cure}".rstrip()


def _expected(error: jsonschema.ValidationError) -> str:
    value = error.validator_value
    words = {
        "type": f"expected {' or '.join(value) if isinstance(value, list) else value}",
        "enum": f"expected one of {', '.join(map(str, value)) if isinstance(value, list) else ''}",
        "const": f"expected {value}",
        "minimum": f"expected {value} or more",
        "maximum": f"expected {value} or less",
        "exclusiveMinimum": f"expected more than {value}",
        "exclusiveMaximum": f"expected less than {value}",
    }
    return words.get(error.validator, error.message)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_policy(name: str, config: dict) -> None:
    """Where it starts from, and whether its batches divide."""
    policies = config["policies"]
    known = ["base", *policies]
    seen, at = [name], policies[name]["init"]
    while at != "base":
        if at not in policies:
            raise ValueError(
                f"policies.{seen[-1]}.init is {at!r}; expected one of {', '.join(known)}."
            )
        if at in seen:
            raise ValueError(
                f"policies.{name}.init leads back to itself ({' <- '.join([*seen, at])}); expected a "
                "chain that begins with base."
            )
        seen.append(at)
        at = policies[at]["init"]
    entry = policies[name]
    merged = {**config["training"], **config[entry["objective"]], **entry}
    rollouts = merged["per_device_train_batch_size"] * merged["gradient_accumulation_steps"]
    k = merged["number_output_initial_generations"]
    if rollouts % k:
        raise ValueError(
            f"policies.{name}: per_device_train_batch_size × gradient_accumulation_steps is "
            f"{rollouts}; expected a multiple of number_output_initial_generations ({k}), so that "
            "an update covers whole problems. Change one of the three."
        )
    if merged["total_episodes"] % rollouts:
        low = max(1, merged["total_episodes"] // rollouts) * rollouts
        raise ValueError(
            f"policies.{name}: total_episodes is {merged['total_episodes']}; expected a multiple of "
            f"the {rollouts} rollouts of an update (per_device_train_batch_size × "
            f"gradient_accumulation_steps). Try {low}."
        )


def check_inputs(config: dict) -> None:
    """Files, columns, few-shot examples and the chat template that the config names."""
    from score.prompts import read_few_shot

    for key in ("launcher", "few_shot_dir", "model_path"):
        _check_path(key, config[key], config["few_shot_dir"] if key == "few_shot_dir" else "x")
    read_few_shot(config["few_shot_dir"], config["task_type"])
    _check_columns(config)
    _check_template(config)


def _check_path(key: str, value: str | None, wanted: str | None) -> None:
    looks_local = value is not None and (value.startswith((".", "/", "~")) or value.count("/") > 1)
    if wanted is not None and looks_local and not Path(value).expanduser().exists():
        raise ValueError(
            f"{key} is {value!r}, which is not there; expected an existing path. A relative path "
            "starts from the folder of the Snakefile."
        )


def _check_columns(config: dict) -> None:
    """Local data are there and have the columns; hub data are checked when they are fetched."""
    from score.checks import check_columns
    from score.prepare import PrepareSettings
    from score.sources import looks_like_path, read_source

    problems, task = config["problems"], load_task(config["task_type"])
    verifier = config["verifier"]
    settings = PrepareSettings(
        **problems,
        **verifier,
        **{key: config[key] for key in ("task_type", "random_seed", "cache_dir")},
    )
    parts = [(problems["data_path"], problems["data_split"])]
    if settings.has_test_source:
        parts.append((problems["test_path"] or problems["data_path"], problems["test_split"]))
    for places, split in parts:
        for place in [places] if isinstance(places, str) else places:
            if Path(place).exists() or looks_like_path(place):
                rows, _ = read_source(place, split)
                if not rows:
                    raise ValueError(f"problems: {place} split {split!r} has no rows.")
                check_columns(rows[:1], place, task, settings)


def _check_template(config: dict) -> None:
    """Turn 2 must continue turn 1. A hub policy that can't be reached now is checked by its jobs."""
    from score.policies import load_tokenizer
    from score.prompts import Bridge

    try:
        tokenizer = load_tokenizer(config["model_path"], config["cache_dir"])
    except OSError as error:
        if Path(config["model_path"]).exists():
            raise ValueError(
                f"model_path is {config['model_path']!r}, which holds no tokenizer: {error}"
            ) from None
        print(f"model_path {config['model_path']!r} can't be reached now; its jobs will check it.")
        return
    Bridge.of(tokenizer, load_task(config["task_type"]).CORRECTION_PROMPT)
