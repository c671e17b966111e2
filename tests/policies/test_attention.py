"""An implementation of attention that a policy or its precision can't have is refused by its name."""

import importlib.util

import pytest
from refusals import refusal, says
from score.policies.attention import check_attention


def test_implementations_that_transformers_has_for_a_policy_are_taken():
    for name in (None, "eager", "sdpa", "flex_attention"):
        check_attention(name, "float32", {"model_type": "llama"})
    check_attention("eager", "float32", {"model_type": "gpt_oss"})
    check_attention("sdpa", "float32", {"model_type": "of_its_own"})


def test_sinks_of_gpt_oss_are_beyond_sdpa():
    told = refusal(check_attention, "sdpa", "float32", {"model_type": "gpt_oss"})
    says(told, ["'sdpa'", "'gpt_oss'", "attn_implementation to null"])


@pytest.mark.parametrize("name", ["flash_attention_2", "flash_attention_3"])
def test_flash_attention_wants_bfloat16_and_its_package(name, monkeypatch):
    llama = {"model_type": "llama"}
    says(refusal(check_attention, name, "float32", llama), [name, "precision: bfloat16"])
    monkeypatch.setattr("score.policies.attention.find_spec", lambda package: None)
    says(refusal(check_attention, name, "bfloat16", llama), ["nor kernels is installed"])
    there = importlib.util.find_spec("json")
    monkeypatch.setattr("score.policies.attention.find_spec", lambda package: there)
    check_attention(name, "bfloat16", llama)
