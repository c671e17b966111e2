"""What the engine of vLLM is told of a policy, without an engine."""

import os
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest
from sampling_runs import BASE, SETTINGS
from score.sampling import vllm


@pytest.fixture
def engines(monkeypatch):
    """What the engines were told that stand in for vLLM's."""
    engines = []
    module, request = ModuleType("vllm"), ModuleType("vllm.lora.request")
    module.LLM = lambda **told: engines.append(SimpleNamespace(**told))
    request.LoRARequest = None
    for name, stand_in in (("vllm", module), ("vllm.lora", None), ("vllm.lora.request", request)):
        monkeypatch.setitem(sys.modules, name, stand_in or ModuleType(name))
    monkeypatch.setattr(vllm, "watch_over_children", lambda: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    return engines


@pytest.mark.parametrize("trusted", [False, True])
def test_engine_runs_code_that_comes_with_a_policy_only_where_that_is_trusted(engines, trusted):
    settings = replace(SETTINGS, trust_remote_code=trusted)
    vllm.VLLMGenerate(settings, BASE, {1}, 64)
    assert engines[0].trust_remote_code is trusted
    assert engines[0].model == BASE


def test_engine_has_the_next_gpus_of_its_process_and_caches_prefixes_as_asked(engines, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4,6,7")
    settings = replace(SETTINGS, vllm_tensor_parallel_size=2, vllm_prefix_caching=False)
    vllm.VLLMGenerate(settings, BASE, {1}, 64, local_rank=1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "6,7"
    assert (engines[0].tensor_parallel_size, engines[0].enable_prefix_caching) == (2, False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    vllm.VLLMGenerate(SETTINGS, BASE, {1}, 64, local_rank=1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"
    assert (engines[1].tensor_parallel_size, engines[1].enable_prefix_caching) == (1, True)


@pytest.mark.parametrize(("visible", "there"), [("0,1,2", 3), (None, 2)])
def test_process_whose_gpus_are_too_few_is_told_how_many_it_needs(
    engines, monkeypatch, visible, there
):
    monkeypatch.setattr(vllm.torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    settings = replace(SETTINGS, vllm_tensor_parallel_size=2)
    with pytest.raises(ValueError, match=f"process 1 of a machine finds {there} GPUs; expected 4"):
        vllm.VLLMGenerate(settings, BASE, {1}, 64, local_rank=1)
    assert not engines
