"""What the engine of vLLM is told of a policy, without an engine."""

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest
from sampling_runs import BASE, SETTINGS
from score.sampling import vllm


@pytest.mark.parametrize("trusted", [False, True])
def test_engine_runs_code_that_comes_with_a_policy_only_where_that_is_trusted(monkeypatch, trusted):
    engines = []
    module, request = ModuleType("vllm"), ModuleType("vllm.lora.request")
    module.LLM = lambda **told: engines.append(SimpleNamespace(**told))
    request.LoRARequest = None
    for name, stand_in in (("vllm", module), ("vllm.lora", None), ("vllm.lora.request", request)):
        monkeypatch.setitem(sys.modules, name, stand_in or ModuleType(name))
    monkeypatch.setattr(vllm, "watch_over_children", lambda: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    settings = replace(SETTINGS, trust_remote_code=trusted)
    vllm.VLLMGenerate(settings, BASE, {1}, 64)
    assert engines[0].trust_remote_code is trusted
    assert engines[0].model == BASE
