"""The config of a run that is only planned: read and checked as for Snakemake, but for its files."""

import copy
from pathlib import Path

from score.experiment.config_files import read_config
from score.experiment.overlay import resolved
from score.experiment.preflight import check_config
from score.files.places import REPOSITORY

DEFAULT, SCHEMA = (
    REPOSITORY / "configs/config.yaml",
    REPOSITORY / "workflow/schemas/config.schema.yaml",
)


def planned_config(path: str | Path) -> tuple[dict, bool]:
    """The whole config of an overlay, and whether vLLM samples, which need not be installed to plan.

    ValueError where the config is not one, or has no policies.
    """
    overlay = read_config(path)
    if "policies" in overlay and not overlay["policies"]:
        raise ValueError(
            f"{path}: policies is {overlay['policies']!r}; expected one or more policies to train or to "
            "prompt. Write them, or leave the key out for the two stages of SCoRe."
        )
    config = resolved(_merged(read_config(DEFAULT), copy.deepcopy(overlay)), overlay)
    vllm = config.get("rollout_backend") == "vllm"
    if vllm:
        config["rollout_backend"] = "transformers"
    return check_config(config, str(SCHEMA)), vllm


def _merged(below: dict, above: dict) -> dict:
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        below[key] = _merged(below[key], value) if both else value
    return below
