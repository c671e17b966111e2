"""What rows share is computed once, and neither log-probabilities nor the gradient change."""

from itertools import pairwise

import pytest
import torch
from architectures import ARCHITECTURES, TOKENIZER, random_policy
from score.policies.distribution import leave_out_padding_rows, without_router_loss
from score.training.batches import token_logps
from score.training.packed_attention import Packing, let_attention_unpack
from score.training.shared_prefix import add_shared_prefixes, can_share_prefixes
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from trl.trainer.utils import add_fused_lm_head

PREFIXES, K = [5, 9, 14], 4


def policy(kind, **changes):
    model = random_policy(kind, **changes)
    without_router_loss(model)
    leave_out_padding_rows(model, TOKENIZER)
    add_fused_lm_head(model, temperature=0.8)
    add_shared_prefixes(model)
    return model


def rows():
    """Runs of ids behind each prefix, of several lengths; the first has none."""
    drawn = torch.Generator().manual_seed(3)

    def ids(length):
        return torch.randint(2, len(TOKENIZER), (length,), generator=drawn).tolist()

    return [(prefix, ids(3 * i)) for prefix in map(ids, PREFIXES) for i in range(K)]


def padded(lists, left=False):
    length = max(map(len, lists))
    fill = [[0] * (length - len(one)) for one in lists]
    ones = [[1] * len(one) for one in lists]
    sides = [(f, o) if left else (o, f) for f, o in zip(fill, ones, strict=True)]
    ids = [(f + one) if left else (one + f) for f, one in zip(fill, lists, strict=True)]
    return torch.tensor(ids), torch.tensor([a + b for a, b in sides])


def whole_pass(model):
    """Log-probabilities of what follows the prefixes, in a plain pass over whole rows."""
    ids, mask = padded([prefix + rest for prefix, rest in rows()])
    turn = mask.clone()
    for row, (prefix, _) in zip(turn, rows(), strict=True):
        row[: len(prefix)] = 0
    logps, _ = token_logps(model, {"input_ids": ids, "attention_mask": mask, "turn": turn})
    return torch.cat([row[t > 0] for row, t in zip(logps, turn, strict=True)])


def shared_batch():
    """Each prefix once, but for its last token, which the rows begin with; some rows are that alone."""
    distinct = [rows()[i][0] for i in range(0, len(rows()), K)]
    ids, mask = padded([prefix[:-1] for prefix in distinct], left=True)
    own, own_mask = padded([prefix[-1:] + rest for prefix, rest in rows()])
    turn = own_mask.clone()
    turn[:, 0] = 0
    return {
        "input_ids": own,
        "attention_mask": own_mask,
        "turn": turn,
        "prefix_ids": ids,
        "prefix_mask": mask,
        "prefix_of": torch.arange(len(distinct)).repeat_interleave(K),
    }


def shared_pass(model):
    logps, _ = token_logps(model, batch := shared_batch())
    return torch.cat([row[t > 0] for row, t in zip(logps, batch["turn"], strict=True)])


def scored(model, scoring):
    """Log-probabilities, and the gradient of a sum of them with weights of their own."""
    model.zero_grad()
    logps = scoring(model)
    (logps * torch.linspace(-1, 1, len(logps))).sum().backward()
    named = model.named_parameters()
    return logps.detach(), {n: p.grad.clone() for n, p in named if p.grad is not None}


def assert_alike(found, expected):
    assert torch.allclose(found[0], expected[0], atol=1e-5)
    assert found[1].keys() == expected[1].keys()
    ours, theirs = ({n: g.flatten() for n, g in of[1].items()} for of in (found, expected))
    largest = max(g.norm() for g in theirs.values())
    for name, gradient in theirs.items():
        off = (gradient - ours[name]).norm() / gradient.norm().clamp(min=1e-3 * largest)
        assert off < 1e-5, (name, off)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_shared_prefixes_change_neither_log_probabilities_nor_gradients(kind):
    model = policy(kind)
    assert can_share_prefixes(model)
    assert_alike(scored(model, shared_pass), scored(model, whole_pass))


@pytest.mark.parametrize("reentrant", [False, True])
def test_layers_that_are_computed_again_have_every_position_once_and_the_same_gradient(reentrant):
    model, computed = policy("llama"), []
    expected = scored(model, whole_pass)
    model.train()
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    model.enable_input_require_grads()
    layer = model.model.layers[0].mlp  # the last part of a layer that the gradient needs
    layer.register_forward_pre_hook(lambda _, args: computed.append(args[0].shape))
    assert_alike(scored(model, shared_pass), expected)
    masks = shared_batch()["prefix_mask"], shared_batch()["attention_mask"]
    assert computed == [(1, sum(int(mask.sum()) for mask in masks), 32)] * 2  # forward, and again


def plain_flash(module, query, key, value, attention_mask, **options):
    """What flash attention computes of rows of different lengths, written row by row."""
    assert attention_mask is None
    (q, k), found = (options[f"cu_seq_lens_{kind}"].tolist() for kind in "qk"), []
    longest = [max(b - a for a, b in pairwise(ends)) for ends in (q, k)]
    assert longest == [options["max_length_q"], options["max_length_k"]]
    for (a, b), (c, d) in zip(pairwise(q), pairwise(k), strict=True):
        seen = torch.ones(b - a, d - c, dtype=torch.bool).tril(d - c - b + a)
        row = query[:, :, a:b], key[:, :, c:d], value[:, :, c:d]
        found.append(scaled_dot_product_attention(*row, attn_mask=seen, enable_gqa=True))
    return torch.cat(found, 2).transpose(1, 2), None


@pytest.mark.parametrize("kind", ["llama", "cohere2"])
def test_flash_attention_is_given_rows_without_padding(kind, monkeypatch):
    """Its kernels are for GPUs; here stands what they compute, and no window is reached."""
    monkeypatch.setitem(AttentionInterface._global_mapping, "flash_attention_2", plain_flash)
    model = policy(kind, **({"sliding_window": 400} if kind == "cohere2" else {}))
    expected = scored(model, whole_pass)
    model.config._attn_implementation = "flash_attention_2"
    let_attention_unpack("flash_attention_2")
    assert_alike(scored(model, shared_pass), expected)


NOT_PACKED = {
    "lfm2": ({"layer_types": ["conv", "full_attention"]}, "layers of conv"),
    "bloom": ({}, "can't compute rows one behind the other"),
    "nemotron": ({}, "can't compute rows one behind the other"),  # says that it could
}


@pytest.mark.parametrize("kind", NOT_PACKED)
def test_policy_that_can_not_be_given_packed_rows_is_told_of(kind, monkeypatch):
    changes, why = NOT_PACKED[kind]
    monkeypatch.setitem(ARCHITECTURES, kind, changes)
    told = []
    assert not can_share_prefixes(policy(kind), told.append)
    assert why in told[0] and "whole prompt" in told[0]


def test_window_that_no_layer_tells_of_is_not_left(monkeypatch):
    model = policy("mistral")
    plain = Packing.attend

    def attend(self, plain_attention, name, module, arrays, options):
        return plain(
            self, plain_attention, name, module, arrays, options | {"sliding_window": None}
        )

    monkeypatch.setattr(Packing, "attend", attend)
    told = []
    model.config.sliding_window = 400  # so long that a few tokens do not show it
    assert not can_share_prefixes(model, told.append)
    assert "window" in told[0]


def test_gradients_of_shared_prefixes_repeat_bit_for_bit_on_several_threads():
    drawn, threads = torch.Generator().manual_seed(0), torch.get_num_threads()
    sharing, length, own = 64, 40, 8
    packing = Packing(
        torch.ones(2, length, dtype=torch.bool),
        torch.arange(2).repeat_interleave(sharing),
        torch.ones(2 * sharing, own, dtype=torch.bool),
    )
    shape = (1, 4, 2 * length + 2 * sharing * own, 32)
    arrays = [torch.randn(shape, generator=drawn, requires_grad=True) for _ in range(3)]
    plain = AttentionInterface._global_mapping["sdpa"]
    module = torch.nn.Module()
    module.is_causal = True

    def gradient():
        out = packing.attend(plain, "sdpa", module, arrays, {"scaling": 0.2})
        return torch.autograd.grad(out.square().sum(), arrays)

    torch.set_num_threads(4)
    try:
        first, *others = [gradient() for _ in range(12)]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))
