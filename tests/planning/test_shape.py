"""Shapes of policies against what transformers builds of them, and against published sizes."""

import json

import pytest
import torch
from refusals import refusal, says
from score.planning.shape import read_shape, shape_of
from score.policies.known_shapes import SHAPES, known_shape
from transformers import AutoConfig, AutoModelForCausalLM

# Billions of weights as the model cards have them.
PUBLISHED = {
    "Qwen2.5-0.5B": 0.494,
    "Qwen2.5-1.5B": 1.54,
    "Qwen2.5-3B": 3.09,
    "Qwen2.5-7B": 7.62,
    "Qwen2.5-14B": 14.8,
    "Qwen2.5-32B": 32.8,
    "Qwen3-0.6B": 0.596,
    "Qwen3-1.7B": 1.72,
    "Qwen3-4B": 4.02,
    "Qwen3-8B": 8.19,
    "Llama-3.2-1B": 1.24,
    "Llama-3.1-8B": 8.03,
    "SmolLM2-135M": 0.1345,
    "SmolLM2-360M": 0.362,
    "SmolLM2-1.7B": 1.71,
}


@pytest.mark.parametrize("name", SHAPES)
def test_known_shapes_have_the_published_number_of_weights_when_they_are_built(name):
    with torch.device("meta"):
        policy = AutoModelForCausalLM.from_config(AutoConfig.for_model(**SHAPES[name]))
    built = sum(p.numel() for p in policy.parameters())
    assert built == pytest.approx(1e9 * PUBLISHED[name], rel=0.005)
    assert read_shape(name).weights == pytest.approx(built, rel=1e-3)


def test_hub_names_of_trained_and_specialised_policies_have_the_shape_of_their_size():
    for name in ("Qwen/Qwen2.5-Math-1.5B-Instruct", "Qwen/Qwen2.5-Coder-1.5B", "Qwen2.5-1.5B"):
        assert known_shape(name) is SHAPES["Qwen2.5-1.5B"], name
    assert known_shape("Qwen/Qwen3-4B-Instruct-2507") is SHAPES["Qwen3-4B"]
    assert known_shape("someone/Qwen2.5-1.5B-GGUF-of-mine") is None


def test_a_folder_with_nothing_but_a_config_is_enough(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(SHAPES["Qwen3-4B"]))
    assert read_shape(str(tmp_path)) == read_shape("Qwen3-4B")
    assert read_shape(str(tmp_path / "config.json")) == read_shape("Qwen3-4B")


def test_cache_of_a_token_and_work_of_a_pass_by_hand():
    shape = shape_of({**SHAPES["Qwen2.5-1.5B"]}, "it")
    assert shape.cache(2) == 28 * 2 * (2 * 128) * 2
    layer = 1536 * (1536 + 2 * 256) + 1536 * 1536 + 3 * 1536 * 8960
    attended = 4 * 12 * 128 * 500
    expected = 10 * 28 * (2 * layer + attended) + 2 * 3 * 1536 * 151936
    assert shape.operations(10, 500, 3) == expected
    assert shape.adapter(16) == 28 * 16 * (3 * (1536 + 8960) + 2 * (1536 + 1536) + 2 * (1536 + 256))


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        (None, ["the policy is", "expected a folder with config.json", "hf download"]),
        ("{", ["can't be read as JSON", "Fetch it again"]),
        ("[]", ["holds no object"]),
        ({"model_type": "mixtral"}, ["is a 'mixtral'", "expected a dense decoder", "qwen2"]),
        ({**SHAPES["Qwen3-4B"], "hidden_size": 0}, ["hidden_size", "is 0", "expected 1 or more"]),
        ({**SHAPES["Qwen3-4B"], "vocab_size": None}, ["vocab_size", "is None"]),
    ],
)
def test_policies_without_a_usable_config_are_refused(tmp_path, config, parts):
    if config is not None:
        text = config if isinstance(config, str) else json.dumps(config)
        (tmp_path / "config.json").write_text(text)
    says(refusal(read_shape, str(tmp_path)), parts)


def test_a_hub_name_that_is_not_in_the_cache_is_refused_without_a_download(tmp_path):
    said = refusal(read_shape, "nobody/nothing-9B", str(tmp_path))
    says(said, ["nobody/nothing-9B", "in the cache", "hf download nobody/nothing-9B"])
