"""The files of configs/accelerate: accepted by the checks, and described.

tests/training/test_distributed.py starts each of them.
"""

import re

import pytest
import yaml
from places import ROOT
from score.experiment.preflight import check_config, check_inputs

FOLDER = ROOT / "configs/accelerate"
ALL = sorted(path.stem for path in FOLDER.glob("*.yaml"))
LAUNCHERS = [name for name in ALL if name != "one_cpu"]  # the only one without DeepSpeed


def _told(name):
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", LAUNCHERS)
def test_checks_accept_every_launcher_with_every_precision(config, name, precision):
    config |= {"launcher": f"configs/accelerate/{name}.yaml", "precision": precision}
    check_config(config, ROOT / "workflow/schemas/config.schema.yaml")
    check_inputs(config)


def test_launchers_differ_only_in_what_they_are_for():
    """So that a cure in one of them is not forgotten in the others."""
    apart = {"deepspeed_config", "num_processes"}
    rest = [{k: v for k, v in _told(name).items() if k not in apart} for name in LAUNCHERS]
    assert all(one == rest[0] for one in rest)
    assert rest[0]["mixed_precision"] == "no"  # a second opinion beside `precision` would clash


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"mixed_precision": "bf16"}, ["mixed_precision 'bf16' and precision is 'float32'"]),
        ({"mixed_precision": "fp16"}, ["mixed_precision 'fp16'", 'Write mixed_precision: "no"']),
        ({"use_cpu": True}, ["use_cpu: true", "turns DeepSpeed off", "cpu.yaml"]),
        (
            {"distributed_type": "NO", "precision": "bfloat16"},
            ["without DeepSpeed", "score_stage_one, score", "single_gpu.yaml"],
        ),
    ],
)
def test_launcher_that_would_fail_late_or_train_wrongly_is_refused(
    config, tmp_path, changes, parts
):
    config["precision"] = changes.pop("precision", "float32")
    config["launcher"] = str(tmp_path / "own.yaml")
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({**_told("zero2"), **changes}))
    with pytest.raises(ValueError) as error:
        check_inputs(config)
    assert [part for part in parts if part not in str(error.value)] == []


def test_launcher_that_is_no_accelerate_config_is_refused(config, tmp_path):
    (tmp_path / "own.yaml").write_text("run_name: mine")
    config["launcher"] = str(tmp_path / "own.yaml")
    with pytest.raises(ValueError, match="no distributed_type; expected an accelerate config"):
        check_inputs(config)


def test_adapters_may_be_trained_in_bfloat16_without_deepspeed(config, tmp_path):
    (tmp_path / "own.yaml").write_text('distributed_type: "NO"\nmixed_precision: no\n')
    config |= {"launcher": str(tmp_path / "own.yaml"), "precision": "bfloat16"}
    config["training"]["use_lora"] = True
    check_inputs(config)


def test_readme_names_every_launcher():
    named = re.findall(r"^\| `(\S+)\.yaml` \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == ALL
