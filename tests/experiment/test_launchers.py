"""The files of configs/accelerate: accepted by the checks, and described.

tests/training/test_distributed.py starts each of them.
"""

import re

import pytest
import yaml
from places import ROOT
from refusals import refusal, says
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
        (
            {"deepspeed_config": {"zero_stage": 3}, "compile_decoding": True},
            ["compile_decoding is true", "by ZeRO-3", "zero2.yaml"],
        ),
        (
            {
                "distributed_type": "NO",
                "use_cpu": True,
                "precision": "bfloat16",
                "attn_implementation": "flash_attention_2",
            },
            ["'flash_attention_2'", "runs on the CPU", "attn_implementation to null"],
        ),
    ],
)
def test_launcher_that_would_fail_late_or_train_wrongly_is_refused(
    config, tmp_path, changes, parts
):
    config["precision"] = changes.pop("precision", "float32")
    config |= {key: changes.pop(key) for key in config.keys() & changes.keys()}
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


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (
            "distributed_type: DEEPSPEED\nnum_process: 2\n",
            ["'num_process' = 2", "'num_processes'?"],
        ),
        ("distributed_type: DEEPSPEED\nzero_stage: 2\n", ["It belongs under deepspeed_config"]),
        ("distributed_type: NO\n", ["distributed_type is false", "write a text in quotes"]),
        ("distributed_type: deepspeed\n", ['distributed_type is "deepspeed"; expected one of NO']),
        ("distributed_type: FSDP\nnum_processes: two\n", ['is "two"; expected integer']),
        ("distributed_type: FSDP\ngpu_ids: 0\n", ["gpu_ids is 0; expected string or null"]),
        (
            "distributed_type: DEEPSPEED\ndeepspeed_config: {zero_stage: 4}\n",
            ["deepspeed_config.zero_stage is 4; expected one of 0, 1, 2, 3"],
        ),
        (
            "distributed_type: DEEPSPEED\ndeepspeed_config: {gradient_clipping: none}\n",
            ["gradient_clipping is", "expected a number or auto"],
        ),
        (
            "distributed_type: DEEPSPEED\ndeepspeed_config: {deepspeed_config_file: no.json}\n",
            ["deepspeed_config_file 'no.json'", "No such file"],
        ),
        ("distributed_type: FSDP\nuse_cpu: false\nuse_cpu: true\n", ["'use_cpu' again"]),
        ("distributed_type: {\n", ["line 2 is not YAML", "Take one of configs/accelerate"]),
        ("", ["is empty"]),
        (b"\x7fELF\0\0\0\1", ["is a binary file"]),
        ("x: é\n".encode("utf-16"), ["is UTF-16"]),
    ],
    ids=str,
)
def test_launcher_that_accelerate_would_not_take_is_refused_by_name(
    config, tmp_path, content, parts
):
    path = tmp_path / "own.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    config["launcher"] = str(path)
    says(refusal(check_inputs, config), ["launcher", str(path), *parts])


def test_folder_is_no_launcher(config):
    config["launcher"] = "configs/accelerate"
    says(refusal(check_inputs, config), ["launcher is 'configs/accelerate'", "is a folder"])


def test_keys_of_launchers_are_those_that_accelerate_knows():
    from accelerate.commands.config.config_args import ClusterConfig
    from accelerate.commands.launch import launch_command_parser
    from accelerate.utils import DistributedType

    known = yaml.safe_load((ROOT / "workflow/schemas/launcher.schema.yaml").read_text())
    keys = known["properties"]
    assert {*keys} == {*ClusterConfig.__dataclass_fields__, "fp16", "dynamo_backend"}
    assert keys["distributed_type"]["enum"] == [kind.value for kind in DistributedType]
    (group,) = [
        group
        for group in launch_command_parser()._action_groups
        if group.title == "DeepSpeed Arguments"
    ]
    options = {action.dest for action in group._group_actions}
    assert {*keys["deepspeed_config"]["properties"]} == options


def test_adapters_may_be_trained_in_bfloat16_without_deepspeed(config, tmp_path):
    (tmp_path / "own.yaml").write_text('distributed_type: "NO"\nmixed_precision: no\n')
    config |= {"launcher": str(tmp_path / "own.yaml"), "precision": "bfloat16"}
    config["training"]["use_lora"] = True
    check_inputs(config)


def test_readme_names_every_launcher():
    named = re.findall(r"^\| `(\S+)\.yaml` \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == ALL
