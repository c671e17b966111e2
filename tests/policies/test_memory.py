"""The memory that a launcher needs, estimated and shown in its README."""

import pytest
import yaml
from own_code import BASE, policy_with_own_code
from places import ROOT
from refusals import refusal, says
from score.policies.memory import Size, need, size_of, table

FOLDER = ROOT / "configs/accelerate"


def _told(name):
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


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


def test_policy_without_a_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected Qwen2"):
        size_of(str(tmp_path))


def test_weights_of_a_policy_with_code_of_its_own_are_counted_where_that_is_trusted(tmp_path):
    path = policy_with_own_code(tmp_path)
    says(refusal(size_of, path), ["model_path is", "trust_remote_code"])
    assert size_of(path, trust_remote_code=True) == size_of(BASE)
