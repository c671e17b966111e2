"""The files of configs/accelerate: accepted by the checks, described, and their memory estimated.

tests/test_distributed.py starts each of them. The container recipes are checked here as text.
"""

import re
from pathlib import Path

import pytest
import yaml
from score.experiment.preflight import check_config, check_inputs
from score.policies.memory import Size, need, size_of, table

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "configs/accelerate"
ALL = sorted(path.stem for path in FOLDER.glob("*.yaml"))
LAUNCHERS = [name for name in ALL if name != "one_cpu"]  # the only one without DeepSpeed


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


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
    (tmp_path / "own.yaml").write_text("- a list")
    config["launcher"] = str(tmp_path / "own.yaml")
    with pytest.raises(ValueError, match="no distributed_type; expected an accelerate config"):
        check_inputs(config)


def test_adapters_may_be_trained_in_bfloat16_without_deepspeed(config, tmp_path):
    (tmp_path / "own.yaml").write_text('distributed_type: "NO"\nmixed_precision: no\n')
    config |= {"launcher": str(tmp_path / "own.yaml"), "precision": "bfloat16"}
    config["training"]["use_lora"] = True
    check_inputs(config)


def test_sizes_are_those_that_are_published():
    """Qwen2.5's model cards: 1.54 and 7.61 billion, 1.31 and 6.53 without embeddings."""
    small, large = size_of("Qwen2.5-1.5B"), size_of("Qwen2.5-7B")
    assert small.weights == pytest.approx(1.54e9, rel=0.005)
    assert small.weights - small.largest == pytest.approx(1.31e9, rel=0.005)
    assert large.weights == pytest.approx(7.61e9, rel=0.005)
    assert large.weights - 2 * large.largest == pytest.approx(6.53e9, rel=0.005)


@pytest.mark.parametrize(
    ("name", "gpus", "gpu", "added"),
    [  # bytes a weight, of 800 weights of which the largest layer has 100
        ("single_gpu", 1, 2 + 2 + 4 + 4 + 8, 2),
        ("zero1", 8, 2 + 2 + (4 + 4 + 8) / 8, 2),
        ("zero2", 8, 2 + (2 + 4 + 4 + 8) / 8, 2),
        ("zero3", 8, 18 / 8 + 4 * 100 / 800, 2 / 8 + 2),
        ("zero3-offload", 8, 4 * 100 / 800, 2),
    ],
)
def test_estimate_of_a_gpu_is_what_it_must_hold(name, gpus, gpu, added):
    got = need(_told(name), Size(800, 100), gpus)
    assert (got.gpu, got.gpu_added) == (800 * gpu, 800 * added)


def test_offload_needs_the_node_and_the_reference_moves_there_too():
    got = need(_told("zero3-offload"), Size(800, 100), 8)
    assert (got.node, got.node_added) == (1.5 * 18 * 800, 2 * 800)


def test_readme_shows_the_table_that_the_command_prints():
    assert table(["Qwen2.5-1.5B", "Qwen2.5-7B"], [1, 4, 8]) in (FOLDER / "README.md").read_text()


def test_readme_names_every_launcher():
    named = re.findall(r"^\| `(\S+)\.yaml` \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == ALL


def test_policy_without_a_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected Qwen2"):
        size_of(str(tmp_path))


def test_containers_install_the_pins_and_nothing_else():
    docker, apptainer = (
        (ROOT / "containers" / name).read_text() for name in ("Dockerfile", "score.def")
    )
    copies = re.findall(r"^COPY (\S+) (\S+)$", docker, re.MULTILINE)
    files = re.search(r"^%files\n((?:    .*\n)+)", apptainer, re.MULTILINE)[1]
    assert copies == [tuple(line.split()) for line in files.splitlines()]
    assert copies == [("requirements.txt", "/opt/score/requirements.txt")]
    assert (ROOT / copies[0][0]).is_file()
    for recipe in (docker, apptainer):
        commands = "\n".join(line for line in recipe.splitlines() if not line.startswith("#"))
        assert re.findall(r"pip install (.*)", commands) == [
            "--no-cache-dir -r /opt/score/requirements.txt"
        ]
        assert re.findall(r"python:(\S+)-slim", commands) == ["3.11"]
        assert "apt-get install --yes --no-install-recommends bubblewrap g++ git" in commands


def test_image_is_built_from_the_pins_alone():
    """Of the clone, which may hold results and environments, only what is copied is sent."""
    ignored = (ROOT / "containers/Dockerfile.dockerignore").read_text().split()
    assert ignored == ["*", "!requirements.txt"]
