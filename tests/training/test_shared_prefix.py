"""What rows share is computed once, and neither log-probabilities nor the gradient change."""

import pytest
import torch
from architectures import ARCHITECTURES, TOKENIZER, random_policy
from score.policies.distribution import leave_out_padding_rows, without_router_loss
from score.training.batches import IGNORED, token_logps
from score.training.shared_prefix import add_shared_prefixes
from trl.trainer.utils import add_fused_lm_head

PREFIXES, K = [5, 9, 14], 4


def policy(kind):
    model = random_policy(kind)
    without_router_loss(model)
    leave_out_padding_rows(model, TOKENIZER)
    add_fused_lm_head(model, temperature=0.8)
    add_shared_prefixes(model)
    return model


def rows():
    """Runs of ids behind each prefix, of several lengths."""
    drawn = torch.Generator().manual_seed(3)

    def ids(length):
        return torch.randint(2, len(TOKENIZER), (length,), generator=drawn).tolist()

    return [(prefix, ids(4 + 3 * i)) for prefix in map(ids, PREFIXES) for i in range(K)]


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


def shared_pass(model):
    """The same with each prefix computed once, but for its last token, which the rows begin with."""
    distinct = [rows()[i][0] for i in range(0, len(rows()), K)]
    ids, mask = padded([prefix[:-1] for prefix in distinct], left=True)
    of = torch.arange(len(distinct)).repeat_interleave(K)
    own, own_mask = padded([prefix[-1:] + rest for prefix, rest in rows()])
    labels = own.masked_fill(own_mask == 0, IGNORED)
    prefix = {"ids": ids, "mask": mask, "of": of}
    out = model(
        input_ids=own, attention_mask=own_mask, labels=labels, prefix=prefix, fused_lm_head=True
    )
    return torch.cat([row[m[1:] > 0] for row, m in zip(out.log_probs, own_mask, strict=True)])


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_shared_prefixes_change_neither_log_probabilities_nor_gradients(kind):
    model = policy(kind)
    found = []
    for scored in (whole_pass, shared_pass):
        model.zero_grad()
        logps = scored(model)
        weights = torch.linspace(-1, 1, len(logps))
        (logps * weights).sum().backward()
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        found.append((logps.detach(), gradients))
    (plain, theirs), (shared, ours) = found
    assert torch.allclose(plain, shared, atol=1e-5)
    assert theirs.keys() == ours.keys()
    for name, gradient in theirs.items():
        off = (gradient - ours[name]).norm() / gradient.norm().clamp(min=1e-6)
        assert off < 1e-4, (name, off)
