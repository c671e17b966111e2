"""The accelerate config that `launcher` names: that it is one, and goes with what is trained.

accelerate reads it when the first job starts; workflow/schemas/launcher.schema.yaml says which keys and
types it knows, since asking accelerate itself would import torch whenever the workflow is read.
"""

import json
from pathlib import Path

from score.experiment.config_errors import explain_errors
from score.experiment.config_files import read_config
from score.experiment.plan import Plan
from score.files.places import REPOSITORY
from score.policies.attention import FLASH

_SCHEMA = REPOSITORY / "workflow/schemas/launcher.schema.yaml"


def check_launcher(config: dict) -> None:
    """The accelerate config goes with `precision`, and does not disable its own DeepSpeed."""
    path, precision = config["launcher"], config["precision"]
    launcher = _read(path)
    deepspeed = launcher["distributed_type"] == "DEEPSPEED"
    mixed = launcher.get("mixed_precision") or "no"  # YAML reads a bare no as false
    if mixed not in ("no", {"bfloat16": "bf16"}.get(precision)):
        raise ValueError(
            f"launcher {path!r} has mixed_precision {mixed!r} and precision is {precision!r}; expected "
            'the two to agree. Write mixed_precision: "no", so that precision decides.'
        )
    if deepspeed and launcher.get("use_cpu"):
        raise ValueError(
            f"launcher {path!r} has use_cpu: true; expected false, since it turns DeepSpeed off "
            "without a word. Take configs/accelerate/cpu.yaml on a machine without GPUs."
        )
    _check_kernels(config, launcher)
    plan = Plan(config)
    trained_whole = [name for name in plan.trained if not plan.settings(name)["use_lora"]]
    if precision == "bfloat16" and not deepspeed and trained_whole:
        raise ValueError(
            f"launcher {path!r} is without DeepSpeed and precision is 'bfloat16'; expected DeepSpeed "
            f"where all weights are trained ({', '.join(trained_whole)}): it keeps float32 copies, "
            "without which small updates are rounded away. Take configs/accelerate/single_gpu.yaml."
        )


def _check_kernels(config: dict, launcher: dict) -> None:
    """Attention and the token step run where the launcher puts the policy."""
    path, attention = config["launcher"], config["attn_implementation"]
    if attention in FLASH and launcher.get("use_cpu"):
        raise ValueError(
            f"attn_implementation is {attention!r} and launcher {path!r} runs on the CPU; expected a "
            "launcher for GPUs, the only ones that it has kernels for. Set attn_implementation to null."
        )
    if config["compile_decoding"] and zero_stage(launcher) == 3:
        raise ValueError(
            f"compile_decoding is true and launcher {path!r} shards weights by ZeRO-3; expected another "
            "launcher, since a compiled step needs them whole and in one place. Set compile_decoding: "
            "false, or take configs/accelerate/zero2.yaml."
        )


def zero_stage(launcher: dict) -> int:
    """Which of DeepSpeed's stages an accelerate config asks for; 0 for none."""
    told = launcher.get("deepspeed_config") or {}
    if own := told.get("deepspeed_config_file"):
        told = json.loads(Path(own).read_text(encoding="utf-8"))
        zero = told.get("zero_optimization")
        stage = zero.get("stage") if isinstance(zero, dict) else None
    else:
        stage = told.get("zero_stage")
    return stage if isinstance(stage, int) else 0


def _read(path: str) -> dict:
    """The launcher's keys and values, those that accelerate knows."""
    instead = "Take one of configs/accelerate/*.yaml, or correct it."
    try:
        launcher = read_config(path)
    except ValueError as error:
        raise ValueError(
            f"launcher is {path!r}; expected an accelerate config. {error} {instead}"
        ) from None
    if "distributed_type" not in launcher:
        raise ValueError(
            f"launcher is {path!r}, which has no distributed_type; expected an accelerate config. "
            f"{instead}"
        )
    if errors := explain_errors(launcher, _SCHEMA):
        raise ValueError("\n".join(f"launcher {path!r}: {error}" for error in errors))
    if own := (launcher.get("deepspeed_config") or {}).get("deepspeed_config_file"):
        _check_deepspeed_file(path, own)
    return launcher


def _check_deepspeed_file(launcher: str, path: str) -> None:
    try:
        whole = isinstance(json.loads(Path(path).read_text(encoding="utf-8")), dict)
    except (OSError, ValueError, RecursionError) as error:
        whole, reason = False, f" ({error})"
    else:
        reason = ""
    if not whole:
        raise ValueError(
            f"launcher {launcher!r} has deepspeed_config_file {path!r}; expected a JSON file of "
            f"one object for DeepSpeed{reason}. Correct it, or leave it out."
        )
