"""A policy that can't run is refused by its files, in words that name the file and the cure."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from places import ROOT
from refusals import refusal, says
from safetensors.numpy import load_file, save_file
from score.policies.fitness import check_policy, check_vocabulary
from score.sampling.tokenizers import load_tokenizer

BASE = ROOT / "data/puzzle/policy"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 717056\n"
WEIGHTS, CONFIG = "model.safetensors", "config.json"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the shipped policy, a Llama of three layers, to be spoilt."""
    return Path(shutil.copytree(BASE, tmp_path / "policy"))


def _configured(folder, **changes):
    config = json.loads((folder / CONFIG).read_text()) | changes
    (folder / CONFIG).write_text(json.dumps(config))


def _tensors(folder, change):
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def _shards(folder):
    """The weights in two files and an index, as large policies have them."""
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    places, halves = {}, (sorted(tensors)[:10], sorted(tensors)[10:])
    for number, names in enumerate(halves, start=1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in names}, folder / file)
        places |= dict.fromkeys(names, file)
    index = {"metadata": {}, "weight_map": places}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def _cut(file, size):
    file.write_bytes(file.read_bytes()[:size])


def _rename(folder, old, new):
    (folder / old).rename(folder / new)


def test_shipped_policy_whole_and_in_shards_is_fit_and_its_embedding_is_counted(folder):
    assert check_policy(str(folder)) == 143
    _shards(folder)
    assert check_policy(str(folder)) == 143


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (lambda f: (f / WEIGHTS).unlink(), ["has no weights (chat_template", "Name the"]),
        (lambda f: _cut(f / WEIGHTS, 700_000), ["is cut off: it has 700,000 bytes", "717,056"]),
        (lambda f: _cut(f / WEIGHTS, 100), ["is cut off: it has 100 bytes", "Fetch it again"]),
        (lambda f: _cut(f / WEIGHTS, 5), ["header that can't be read", "safetensors format"]),
        (lambda f: _cut(f / WEIGHTS, 0), ["model.safetensors is empty"]),
        (lambda f: (f / WEIGHTS).write_bytes(b"\2\0\0\0\0\0\0\0[]"), ["header that can't be read"]),
        (lambda f: (f / WEIGHTS).write_bytes(b"\2\0\0\0\0\0\0\0{}"), ["holds no tensors"]),
        (lambda f: (f / WEIGHTS).open("ab").write(b"x" * 9), ["717,065 bytes", "717,056"]),
        (lambda f: (f / WEIGHTS).write_text("<!DOCTYPE html><p>Not found"), ["is a web page"]),
        (lambda f: (f / WEIGHTS).write_text(POINTER), ["Git LFS pointer", "lfs pull", "hf download"]),
        (lambda f: (f / "tokenizer.json").write_text(POINTER), ["tokenizer.json is a Git LFS p"]),
        (lambda f: (f / CONFIG).write_text(POINTER), ["config.json is a Git LFS pointer"]),
        (lambda f: (f / CONFIG).write_text("{"), ["config.json is not JSON", "Fetch it again"]),
        (lambda f: (f / CONFIG).write_text("[1]"), ["config.json holds a list"]),
        (lambda f: (f / CONFIG).unlink(), ["has no config.json (it has chat_template.jinja"]),
        (lambda f: (f / "tokenizer.json").unlink(), ["has no tokenizer", "save_pretrained"]),
        (lambda f: (f / "tokenizer_config.json").write_text("{"), ["tokenizer_config.json is not"]),
        (lambda f: _rename(f, WEIGHTS, "pytorch_model.bin"), ["pickled", "save_pretrained"]),
        (lambda f: _rename(f, WEIGHTS, "q8.gguf"), ["score.policies.gguf --input"]),
    ],
)  # fmt: skip
def test_file_that_is_missing_cut_off_or_something_else_is_named(folder, spoil, parts):
    spoil(folder)
    says(refusal(check_policy, str(folder)), [str(folder), *parts])


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (lambda f: (f / "model-00002-of-00002.safetensors").unlink(), ["lacks 1 of its 2 shards"]),
        (lambda f: _cut(f / "model-00001-of-00002.safetensors", 9000), ["00001", "is cut off"]),
        (lambda f: (f / "model-00001-of-00002.safetensors").write_text(POINTER), ["LFS pointer"]),
        (lambda f: (f / f"{WEIGHTS}.index.json").write_text("{}"), ["has no weight_map"]),
        (
            lambda f: shutil.copy(
                f / "model-00001-of-00002.safetensors", f / "model-00002-of-00002.safetensors"
            ),
            ["lacks tensors that", "index.json names"],
        ),
    ],
)
def test_shard_that_is_missing_or_not_what_the_index_says_is_named(folder, spoil, parts):
    _shards(folder)
    spoil(folder)
    says(refusal(check_policy, str(folder)), parts)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"vocab_size": 151}, ["model.embed_tokens.weight", "[143, 64]", "tells of [151, 64]"]),
        ({"hidden_size": 128}, ["tells of [143, 128]", "one and the same policy"]),
        ({"num_hidden_layers": 4}, ["have 3 layers, without layer 3", "tells of 4"]),
        ({"num_hidden_layers": 2}, ["have 3 layers and", "tells of 2"]),
        ({"intermediate_size": 256}, ["mlp.gate_proj.weight of layer 0", "[256, 64]"]),
        ({"num_key_value_heads": 2}, ["self_attn.k_proj.weight of layer 0", "[32, 64]"]),
        ({"model_type": "lama"}, ["model_type 'lama'", "transformers"]),
        ({"model_type": ["llama"]}, ["model_type ['llama']"]),
        ({"model_type": "t5"}, ["no causal language model"]),
        (
            {"auto_map": {"AutoModelForCausalLM": "modeling_my.MyModel"}},
            ["code of its own, modeling_my.MyModel", "set trust_remote_code: true"],
        ),
    ],
)
def test_config_that_the_weights_or_transformers_do_not_fit_is_refused(folder, changes, parts):
    _configured(folder, **changes)
    says(refusal(check_policy, str(folder)), parts)


def test_code_beside_a_policy_is_no_matter_where_transformers_has_that_class_itself(folder):
    _configured(folder, auto_map={"AutoModelForCausalLM": "modeling_llama.LlamaForCausalLM"})
    assert check_policy(str(folder)) == 143


def test_trusted_code_must_be_beside_the_policy_and_a_causal_language_model(folder):
    own = {"AutoConfig": "modeling_my.MyConfig", "AutoModelForCausalLM": "modeling_my.MyModel"}
    _configured(folder, model_type="my", auto_map=own)
    says(refusal(check_policy, str(folder)), ["modeling_my.MyConfig", "trust_remote_code: true"])
    says(refusal(check_policy, str(folder), None, True), ["does not hold", "modeling_my.py there"])
    (folder / "modeling_my.py").write_text("")
    assert check_policy(str(folder), None, True) is None  # what its tensors are, its code knows
    _configured(folder, auto_map={"AutoConfig": "modeling_my.MyConfig"})
    says(refusal(check_policy, str(folder), None, True), ["model_type 'my'"])


def test_tokenizer_with_code_of_its_own_is_refused_unless_that_is_trusted_and_there(folder):
    file = folder / "tokenizer_config.json"
    own = {"auto_map": {"AutoTokenizer": ["tokenization_my.MyTokenizer", None]}}
    file.write_text(json.dumps(json.loads(file.read_text()) | own))
    says(refusal(check_policy, str(folder)), ["tokenization_my.MyTokenizer", "trust_remote_code"])
    says(refusal(check_policy, str(folder), None, True), ["tokenization_my.py there"])
    (folder / "tokenization_my.py").write_text("")
    assert check_policy(str(folder), None, True) == 143


def test_weights_that_would_be_drawn_at_random_are_refused(folder):
    def wrapped(tensors):
        for name in list(tensors):
            tensors[f"_orig_mod.{name}"] = tensors.pop(name)

    _tensors(folder, lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight"))
    says(refusal(check_policy, str(folder)), ["lack mlp.up_proj.weight of layer 1"])
    shutil.copy(BASE / WEIGHTS, folder)
    _tensors(folder, wrapped)
    says(refusal(check_policy, str(folder)), ["no layers under the names", "'_orig_mod."])
    shutil.copy(BASE / WEIGHTS, folder)
    _tensors(folder, lambda tensors: tensors.pop("lm_head.weight"))
    assert check_policy(str(folder)) == 143  # it is the embedding once more
    _configured(folder, tie_word_embeddings=False)
    says(refusal(check_policy, str(folder)), ["lack lm_head.weight"])


def test_further_heads_and_packed_weights_are_left_to_transformers(folder):
    def with_a_further_head(tensors):
        tensors["model.layers.3.eh_proj.weight"] = np.zeros((64, 128), np.float32)

    _tensors(folder, with_a_further_head)
    _configured(folder, num_nextn_predict_layers=1, model_type="deepseek_v3")
    assert check_policy(str(folder)) == 143
    _configured(folder, num_hidden_layers=9, quantization_config={"quant_method": "awq"})
    assert check_policy(str(folder)) == 143


def test_adapter_is_as_fit_as_itself_and_its_base(folder, tmp_path):
    adapter = tmp_path / "adapter"
    shutil.copytree(folder, adapter)
    (adapter / CONFIG).unlink()
    (adapter / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(folder), "peft_type": "LORA"})
    )
    says(refusal(check_policy, str(adapter)), ["no adapter_model.safetensors"])
    _rename(adapter, WEIGHTS, "adapter_model.safetensors")
    assert check_policy(str(adapter)) == 143
    (folder / WEIGHTS).unlink()
    says(refusal(check_policy, str(adapter)), [f"{folder} has no weights"])
    shutil.rmtree(folder)
    says(refusal(check_policy, str(adapter)), ["names the base", "which is not there"])


def test_what_is_no_folder_of_a_policy_is_told_with_the_folder_that_is_meant(folder, tmp_path):
    says(refusal(check_policy, str(folder / WEIGHTS)), ["is a file", "the folder that it is in"])
    (tmp_path / "empty").mkdir()
    says(refusal(check_policy, str(tmp_path / "empty")), ["the folder is empty"])
    shutil.copytree(folder, tmp_path / "models--a--b/snapshots/0f1e")
    told = refusal(check_policy, str(tmp_path / "models--a--b"))
    says(told, [f"Name {tmp_path}/models--a--b/snapshots/0f1e"])
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to("../../blobs/9a")
    says(refusal(check_policy, str(folder)), ["a link to ../../blobs/9a", "cp -rL"])


def test_hub_policy_is_judged_by_what_the_cache_holds_of_it(folder, tmp_path):
    assert check_policy("nobody/policy", str(tmp_path)) is None
    assert check_policy("no such name", str(tmp_path)) is None
    _configured(folder, auto_map={"AutoConfig": "configuration_my.MyConfig"})
    (tmp_path / "models--nobody--policy/refs").mkdir(parents=True)
    (tmp_path / "models--nobody--policy/refs/main").write_text("0f1e")
    shutil.copytree(folder, tmp_path / "models--nobody--policy/snapshots/0f1e")
    says(refusal(check_policy, "nobody/policy", str(tmp_path)), ["nobody/policy asks for code"])


def test_tokens_without_a_row_of_the_embedding_are_refused_but_not_those_of_images():
    tokenizer = load_tokenizer(str(BASE))
    check_vocabulary(tokenizer, 143)
    check_vocabulary(tokenizer, None)
    tokenizer.add_tokens(["<image_soft_token>"])
    check_vocabulary(tokenizer, 143)
    tokenizer.add_tokens(["<think>", "</think>"])
    says(
        refusal(check_vocabulary, tokenizer, 143),
        ["beyond the 143 rows", "resize_token_embeddings"],
    )
