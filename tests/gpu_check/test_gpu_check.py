"""The check runs through where there is no GPU, and says what it measured; its bundle joins again."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from score.benchmarks.measured import Measured, table
from score.benchmarks.table import failed
from score.gpu_check import bundle

MEASURED = {
    "right": {
        "float32_against_cpu": "gradient",
        "invariance_of_gradient": "accumulated_row_by_row",
        "resumed_training": "bit_for_bit",
        "same_seed_same_tokens": "same_with_seeds",
        "sampler_gap_puzzle_bfloat16": "mean_absolute_gap_nats",
        "adapter": "kl_at_step_0_is_0",
        "zero2_against_plain": "relative_difference",
    },
    "fast": {
        "tiny_8": "mfu_update",
        "tiny_16": "tokens_a_second_of_the_update",
        "grpo_1": "seconds",
        "score_over_grpo_2": "seconds_of_an_update",
    },
    "decoding": {"same_tokens": "same_rollouts", "tiny_bfloat16": "compiled_over_plain"},
    "learns": {"base": "delta", "stage_one": "updates", "stage_two": "seconds_of_an_update"},
    "served": {"vllm_against_transformers": "skipped"},
}


# What the check needs and a GPU node is known to lack.
LACKING = {"trl", "datasets", "deepspeed", "snakemake", "gguf", "score"}
# Starts a command with no network but the loopback, where the processes of a training meet.
ALONE = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "alone"]


def a_node_without(names: set[str], folder: Path) -> str:
    """The `bin` of a virtual environment that has what this one has, less some packages."""
    venv.create(folder, with_pip=True)
    here, there = (
        Path(sysconfig.get_path("purelib", vars={"base": b})) for b in (sys.prefix, folder)
    )
    files = (file for d in distributions(path=[str(here)]) if d.name in names for file in d.files)
    hidden = {file.parts[0] for file in files} | {file.name for file in there.iterdir()}
    for entry in here.iterdir():
        if entry.name not in hidden:
            (there / entry.name).symlink_to(entry)
    return str(folder / "bin")


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """The results of a check that a bundle brought to a node without a network."""
    folder = tmp_path_factory.mktemp("node")
    binaries = a_node_without(LACKING, folder / "venv")
    there = {"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(folder)}
    pip = [f"{binaries}/python", "-m", "pip", "list", "--format=freeze"]
    (folder / "have.txt").write_bytes(subprocess.run(pip, check=True, stdout=-1, env=there).stdout)
    make = [sys.executable, "-m", "score.gpu_check.bundle", "--have", str(folder / "have.txt")]
    make += [
        "--python-version",
        "{}.{}".format(*sys.version_info),
        "--output",
        str(folder / "parts"),
    ]
    made = subprocess.run(make, capture_output=True, text=True)
    if "pip found no wheel" in made.stderr:
        pytest.skip(f"no bundle without a package index: {made.stderr}")
    assert made.returncode == 0, made.stderr
    assert {"trl", "deepspeed"} <= {
        line.partition("-")[0].strip() for line in made.stdout.splitlines()
    }
    alone = ALONE if may_be_alone() else []
    start = [*alone, "bash", str(folder / "parts/start.sh"), "--device", "cpu", "--tiny"]
    start += ["--minutes", "30", "--output", str(folder / "told")]
    start += ["--model", ""]  # SmolLM2 is unpacked, and the smaller policy checked
    there |= {"CHECK_FOLDER": str(folder / "check"), "OMP_NUM_THREADS": "1"}
    subprocess.run(start, check=True, env=there, cwd=folder)
    return folder / "told"


def may_be_alone() -> bool:
    """Whether a process may be started without a network here."""
    return subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("part", MEASURED)
def test_every_part_of_a_bundle_says_what_it_measured(checked, part):
    told = json.loads((checked / f"{part}.json").read_text())
    assert told["finished"], (checked / "log.txt").read_text()[-2000:]
    failed = {n: v["failed"] for n, v in told["measurements"].items() if "failed" in v}
    assert not failed
    for name, what in MEASURED[part].items():
        assert what in told["measurements"][name], name
    shown = (checked / "table.md").read_text()
    assert all(f"| {part} | {name} |" in shown for name in MEASURED[part])


def test_a_measurement_that_fails_is_told_and_the_next_goes_on(tmp_path):
    measured = Measured(tmp_path / "x.json", "cpu", 60)
    measured.take("broken", lambda: {"value": 1 / 0})
    measured.take("late", lambda: {"value": 1}, needs=61)
    measured.take("whole", lambda: {"value": 0.5})
    told = json.loads((tmp_path / "x.json").read_text())
    assert not told["finished"]
    assert told["measurements"]["broken"]["failed"].startswith("ZeroDivisionError")
    assert "takes 61" in told["measurements"]["late"]["skipped"]
    assert "| x | whole | value | 0.5 |" in table({"x": told})
    assert "| x | | not finished | |" in table({"x": told})
    assert failed({"x": told, "y": {"finished": True}}) == ["x", "x: broken"]


def test_without_a_gpu_one_sentence_says_so(tmp_path):
    command = [sys.executable, "-m", "score.gpu_check", "--output", str(tmp_path)]
    hidden = {"CUDA_VISIBLE_DEVICES": "", "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=hidden | _python_path())
    assert done.returncode == 1
    assert "torch finds no GPU here" in done.stderr


def _python_path() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(sys.path)}


def test_what_a_node_lacks_travels_with_what_that_needs(tmp_path, monkeypatch):
    needs = {"trl": ["datasets>=4", "numpy"], "datasets": ["dill"], "dill": []}
    fetched = []

    def fetch(wanted, python, folder):
        fetched.append(wanted.name)
        return wanted.name

    monkeypatch.setattr(bundle, "fetch", fetch)
    monkeypatch.setattr(bundle, "needs_of", lambda wheel, _: [*map(Requirement, needs[wheel])])
    have = bundle.installed("torch==2.11.0\nnumpy==2.5.2\n")
    asked = [Requirement("torch==2.13.0"), Requirement("trl==1.16.0")]
    differs = bundle.missing_wheels(asked, have, "3.12", tmp_path)
    assert fetched == ["trl", "datasets", "dill"]
    assert have["torch"] == Version("2.11.0")
    assert differs == ["The node has torch 2.11.0; torch==2.13.0 was asked for."]


def test_parts_of_a_bundle_join_to_what_was_packed(tmp_path):
    wheels, repository, output = (tmp_path / name for name in ("wheels", "repository", "output"))
    for folder in (wheels, repository, output):
        folder.mkdir()
    (wheels / "a.whl").write_bytes(b"wheel" * 5000)
    (repository / "kept.txt").write_text("kept")
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    parts = bundle.pack(wheels, repository, output, part_bytes=10_000)
    assert len(parts) > 2
    joined = tmp_path / "joined.tar"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with tarfile.open(joined) as archive:
        assert archive.extractfile("repository/kept.txt").read() == b"kept"
        assert archive.extractfile("wheels/a.whl").read() == b"wheel" * 5000
