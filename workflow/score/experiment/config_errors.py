"""What a JSON schema finds wrong with a config, in words: the key, its value and the cure."""

import datetime
import difflib
import json
import math
import re
from pathlib import Path

import jsonschema
import yaml

_CURES = {
    "top_p": "Training must sample from the distribution of its log-probabilities.",
    "top_k": "Training must sample from the distribution of its log-probabilities.",
    "number_output_initial_generations": "The baseline needs other rollouts of the same problem.",
}
_TOO_LARGE = 2**63
_LIMITS = {
    "const": "",
    "minimum": " or more",
    "maximum": " or less",
    "exclusiveMinimum": "more than ",
    "exclusiveMaximum": "less than ",
}


def explain_errors(config: dict, schema_path: Path) -> list[str]:
    """A sentence or two for each thing that does not fit; an empty list where all does."""
    schema = yaml.safe_load(schema_path.read_text(encoding="utf-8"))
    if unnamed := [*_keys_without_names(config)]:
        return unnamed
    errors = _validator(schema).iter_errors(config)
    return [line for e in sorted(errors, key=lambda e: e.json_path) for line in _explain(e, schema)]


def _keys_without_names(part, path: str = ""):
    """What to say of keys that are numbers, null, dates or booleans; files with such are refused too."""
    if isinstance(part, dict | list):
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            if isinstance(part, dict) and not isinstance(key, str):
                yield (
                    f"{path or 'the config'} holds the key {key}, of type {type(key).__name__}; "
                    "expected a text. Correct it, or write it in quotes where it is a name."
                )
            yield from _keys_without_names(value, f"{path}.{key}".strip("."))


def _validator(schema: dict):
    """JSON counts 1.0 as an integer, YAML has .nan, .inf and endless integers; jobs take none."""
    base = jsonschema.Draft202012Validator

    def is_integer(_, value):
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _TOO_LARGE

    def is_number(_, value):
        return is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))

    types = base.TYPE_CHECKER.redefine_many({"integer": is_integer, "number": is_number})
    return jsonschema.validators.extend(base, type_checker=types)(schema)


def _explain(error: jsonschema.ValidationError, schema: dict) -> list[str]:
    key = ".".join(map(str, error.absolute_path))
    where = key or "the config"
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        unknown = [name for name in error.instance if name not in known]
        return [
            f"{where} has the unknown key {name!r} = {_shown(error.instance[name])}. "
            f"{_near(name, known, schema)}"
            for name in unknown
        ]
    if error.validator == "required":
        lacking = [name for name in error.validator_value if name not in error.instance]
        return [
            f"{where} lacks the key {name!r}. Add it; configs/config.yaml tells its meaning."
            for name in lacking
            if repr(name) in error.message  # one error comes for each
        ]
    if "propertyNames" in error.absolute_schema_path:
        return [
            f"{where} has an entry named {_short(error.instance)!r}; expected a name of letters, "
            "digits and _ that starts with a letter, of at most 100 characters, since it names "
            "a folder. Rename it."
        ]
    twice = [part for part in error.context or [] if part.validator == "uniqueItems"]
    if twice:  # one of the ways to write it fits but for that
        error = twice[0]
    if error.validator == "uniqueItems":
        twin = next(v for i, v in enumerate(error.instance) if v in error.instance[:i])
        return [f"{where} holds {_shown(twin)} twice; expected each once. Remove one."]
    return [
        f"{where} is {_shown(error.instance)}; expected {_expected(error)}. {_cure(error, key)}"
    ]


def _near(name: str, known: dict, schema: dict) -> str:
    """Where an unknown key belongs, or which known one it resembles."""
    sections = schema["properties"]
    homes = [s for s, part in sections.items() if name in part.get("properties", {})]
    near = difflib.get_close_matches(name, list(known), n=1)
    if name in sections:
        return "It belongs at the top level: move it there."
    if homes and not near:
        return f"It belongs under {' or '.join(homes)}: move it there."
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Remove it. Known keys: {', '.join(sorted(known))}."


def _expected(error: jsonschema.ValidationError) -> str:
    value, limit = error.validator_value, _LIMITS.get(error.validator)
    if limit is not None:
        return f"{limit}{value}" if limit.endswith(" ") else f"{value}{limit}"
    if error.validator == "enum":
        return f"one of {', '.join(map(str, value))}"
    if error.validator == "type":
        return " or ".join([value] if isinstance(value, str) else value)
    if error.validator == "pattern":
        return error.schema.get("description") or f"a text of the form {value}"
    if error.validator == "maxLength":
        return f"at most {value} characters"
    if error.validator == "anyOf":
        return error.schema.get("description") or "a text or a list of texts"
    return "a text that is not empty" if error.validator == "minLength" else "at least one"


def _cure(error: jsonschema.ValidationError, key: str) -> str:
    name = next((part for part in reversed(key.split(".")) if not part.isdigit()), key)
    if isinstance(error.instance, str) and _is_number(error.instance):
        digits = error.instance.strip().lstrip("+-").isdigit()
        how = (
            "in digits alone, without quotes"
            if digits
            else "with a point and a sign, such as 1.0e-5"
        )
        return (
            f"It is text to YAML: write a number {how}, in a config file (inside --config all nested "
            "values are text)."
        )
    if isinstance(error.instance, datetime.date):
        return "It is a date to YAML: write it in quotes."
    if isinstance(error.instance, bool) and _takes_text(error):
        return "It is a boolean to YAML, as yes, no, on and off are: write a text in quotes."
    if isinstance(error.instance, float) and not math.isfinite(error.instance):
        return "It must be finite: write such a number."
    if isinstance(error.instance, int) and abs(error.instance) >= _TOO_LARGE:
        return "It is larger than a job can count: lower it."
    if isinstance(error.instance, int | float) and _takes_text(error):
        return "It is a number to YAML: write a text in quotes."
    if error.instance is None:
        return "Give a value, or leave the line out to keep that of configs/config.yaml."
    return _CURES.get(name, f"Change {name}.")


def _takes_text(error: jsonschema.ValidationError) -> bool:
    if error.validator == "enum":
        return any(isinstance(value, str) for value in error.validator_value)
    return error.validator == "anyOf" or (
        error.validator == "type" and "string" in error.validator_value
    )


def _shown(value) -> str:
    return _short(json.dumps(value, ensure_ascii=False, default=str))


def _short(text: str) -> str:
    return text if len(text) < 80 else f"{text[:77]}…"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


_KEY_NAME = re.compile(r"(?i)(api|access|auth|secret)_?key|(^|_)(token|secret|password)$")


_KEY = re.compile(r"(local-)?[0-9a-fA-F]{40}|wandb_v\d+_\w{20,}|hf_\w{30,}")


def refuse_keys(config: dict) -> None:
    """ValueError for an access key in a config: jobs would copy it into settings, scripts and logs."""
    for path, value in _leaves(config):
        name = path.rpartition(".")[2]
        # The revision of a data set is a commit: 40 digits as well.
        looks_like_one = name != "revision" and _KEY.fullmatch(str(value).strip())
        if value is not None and (_KEY_NAME.search(name) or looks_like_one):
            hub = str(value).startswith("hf_") or re.match("(?i)(hf|hub|huggingface)", name)
            raise ValueError(
                f"{path} holds what looks like an access key (not shown); expected none in a "
                "config, whose values are copied into settings files and logs. Remove it and set "
                f"the environment variable {'HF_TOKEN' if hub else 'WANDB_API_KEY'} instead."
            )


def _leaves(part, path: str = ""):
    if isinstance(part, dict | list):
        entries = part.items() if isinstance(part, dict) else enumerate(part)
        for key, value in entries:
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, part
