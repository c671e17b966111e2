"""Tiles of the fused head that are worked out in place give TRL's numbers bit for bit."""

from types import SimpleNamespace

import pytest
import torch
import trl.kernels.chunked_logprob as kernels
from score.training.head_tiles import work_in_place

N, H, V = 37, 8, 300


def scored(dtype, temperature, softcap, scale, outputs):
    drawn = torch.Generator().manual_seed(5)
    hidden, weight, weights = (
        torch.randn(size, generator=drawn).to(dtype) for size in [(N, H), (V, H), (N,)]
    )
    hidden.requires_grad_(), weight.requires_grad_()
    targets = torch.randint(V, (N,), generator=drawn)
    found = kernels.ChunkedLogProbFunction.apply(
        hidden, weight, None, targets, temperature, 128, softcap, scale, outputs
    )
    (found[0] * weights).sum().backward()
    return [*(one for one in found if one is not None), hidden.grad, weight.grad]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("temperature", "softcap", "scale"), [(1, None, 1), (0.7, 3.0, 1.5)])
@pytest.mark.parametrize("outputs", [("log_probs",), ("entropy",), kernels.OPTIONAL_OUTPUTS])
def test_numbers_are_those_of_trl(monkeypatch, dtype, temperature, softcap, scale, outputs):
    monkeypatch.setattr(kernels, "_use_triton", lambda device: False)
    told = dtype, temperature, softcap, scale, outputs
    for name in ("_forward_tile", "_backward_tile"):  # a training in this process replaced them
        tile = getattr(kernels, name)
        monkeypatch.setattr(kernels, name, getattr(tile, "theirs", tile))
    theirs = scored(*told)
    work_in_place(kernels)
    ours = scored(*told)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_they_replace_trls_own_once():
    module = SimpleNamespace(_forward_tile=print, _backward_tile=print)
    work_in_place(module)
    once = module._forward_tile, module._backward_tile
    work_in_place(module)
    assert (module._forward_tile, module._backward_tile) == once
