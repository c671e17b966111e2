"""States against DeepSpeed's own estimators, activations against what autograd keeps."""

import pytest
import torch
import yaml
from places import ROOT
from score.planning.memory import POSITIONS, Setup, activations, sampling, states
from score.planning.shape import read_shape, shape_of
from score.policies.memory import Size, need
from score.sampling import compiled
from transformers import AutoConfig, AutoModelForCausalLM

SMALL = {
    "model_type": "qwen2",
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 160,
    "vocab_size": 128,
    "tie_word_embeddings": True,
}


@pytest.mark.parametrize("launcher", ["single_gpu", "zero1", "zero2", "zero3", "zero3-offload"])
@pytest.mark.parametrize("gpus", [1, 8, 64])
def test_states_are_those_of_deepspeeds_estimators(launcher, gpus):
    if launcher == "single_gpu" and gpus > 1:
        pytest.skip("it is for one GPU")
    shape = read_shape("Qwen2.5-7B")
    config = yaml.safe_load((ROOT / f"configs/accelerate/{launcher}.yaml").read_text())
    told = need(config, Size(shape.weights, shape.largest), gpus)
    ours = states(shape, Setup(launcher, gpus))
    reference = ours.pop("reference")
    # Of ZeRO-3 they leave out gradients in bfloat16 beside those in float32.
    apart = 2 * shape.weights / gpus if launcher == "zero3" else 0
    assert sum(ours.values()) == pytest.approx(told.gpu + apart, rel=1e-6)
    if launcher in ("single_gpu", "zero1", "zero2"):
        assert reference == told.gpu_added


def test_an_adapter_has_states_of_its_own_and_no_second_copy_for_the_reference():
    shape, rank = read_shape("Qwen2.5-1.5B"), 16
    got = states(shape, Setup("zero2", 8, rank=rank))
    adapter = shape.adapter(rank)
    assert got["reference"] == 0 and got["weights"] == 2 * (shape.weights + adapter)
    assert got["gradients"] + got["optimizer"] == pytest.approx(18 * adapter / 8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_activations_are_what_autograd_keeps_of_a_pass(dtype):
    """Counted by its hooks, each storage once, weights left out."""
    tokens, rows = 96, 2
    torch.manual_seed(0)
    policy = AutoModelForCausalLM.from_config(AutoConfig.for_model(**SMALL), dtype=dtype)
    weights = {p.untyped_storage().data_ptr() for p in policy.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        policy.model(input_ids=torch.ones(rows, tokens, dtype=torch.long)).last_hidden_state.sum()
    shape, width = shape_of(SMALL, "small"), dtype.itemsize
    predicted = activations(shape, Setup(None, 1, width), rows * tokens, 0)["activations"]
    assert predicted == pytest.approx(sum(kept.values()), rel=0.2)


def test_checkpoints_keep_the_input_of_every_layer_and_one_layer_whole():
    shape = read_shape("Qwen2.5-1.5B")
    plain = activations(shape, Setup("zero2", 8), 1000, 0)["activations"]
    checked = activations(shape, Setup("zero2", 8, checkpointing=True), 1000, 0)["activations"]
    assert checked == pytest.approx(plain / 28 + 28 * 2 * 1536 * 1000)


def test_sampling_holds_the_cache_and_under_zero3_all_weights():
    shape = read_shape("Qwen2.5-1.5B")
    got = sampling(shape, Setup("zero3", 8), 64, 2000, 0)
    assert got["cache"] == pytest.approx(64 * 2000 * shape.cache(2) * 29 / 28)
    assert got["gathered"] == 2 * shape.weights
    assert sampling(shape, Setup("zero2", 8), 64, 2000, 0)["gathered"] == 0


def test_a_copy_to_sample_from_has_the_layers_a_second_time_and_shares_the_embedding():
    shape = read_shape("Qwen2.5-1.5B")
    plain, copied = (states(shape, Setup("zero2", 8, rank=16, copied=c)) for c in (False, True))
    assert copied["weights"] - plain["weights"] == 2 * (shape.weights - shape.embedding)
    sharded = states(shape, Setup("zero3", 8, rank=16, copied=True))
    assert sharded == states(shape, Setup("zero3", 8, rank=16))  # there is no copy


def test_compiled_decoding_has_a_cache_of_its_fixed_sizes():
    shape = read_shape("Qwen2.5-1.5B")
    got = sampling(shape, Setup("single_gpu", 1, compiled=True), 48, 1100, 0)
    assert got["cache"] == 64 * 1280 * shape.cache(2)
    assert POSITIONS == compiled.POSITIONS
