"""Scoring rows that begin alike: what they share is computed once, with its gradient, and no padding is.

Legend of shapes: B rows, P different prefixes, L and T positions of prefixes and of what follows, N all
positions but padding.

The K rollouts of a problem have one prompt. All prefixes and rows are one row (1, N) of one plain pass
of the policy, in which only attention knows of rows (score.training.packed_attention). So it works
with layers that are computed again in the backward pass and with weights that are shared out.
"""

from collections.abc import Callable
from functools import wraps
from types import MethodType

import torch

from score.policies.distribution import without_dropout
from score.training.batches import IGNORED, token_logps
from score.training.packed_attention import KNOWN, Packing, let_attention_unpack

# Mean difference in nats of what may be rounding; attention that sees other rows is further off.
_TOLERANCE = {torch.float32: 1e-3}, 0.1


def add_shared_prefixes(model) -> None:
    """Let `model(…, prefix={"ids", "mask", "of"}, fused_lm_head=True)` go on from prefixes.

    model: with TRL's fused head, not yet wrapped by an adapter or a launcher, so that they see one pass.
    ids, mask (P, L): prefixes, padded on the left. of (B,): the prefix of each row of input_ids (B, T),
    which begins behind it, as attention_mask (B, T) and labels (B, T) do. Whether a policy can do this
    says `can_share_prefixes`.
    """
    plain = model.forward
    if _attention(model) in KNOWN:
        let_attention_unpack(_attention(model))
    model.told_windows = set()

    @wraps(type(model).forward)  # libraries look at what it takes
    def forward(self, *args, prefix=None, **kwargs):
        if prefix is None:
            return plain(*args, **kwargs)
        mask, before = kwargs.pop("attention_mask") > 0, prefix["mask"] > 0
        packing = Packing(before, prefix["of"], mask)
        ids = torch.cat([prefix["ids"][before], kwargs.pop("input_ids")[mask]])
        labels = torch.nn.functional.pad(kwargs.pop("labels")[:, 1:], (0, 1), value=IGNORED)
        unscored = labels.new_full((packing.prefixes.count,), IGNORED)
        out = plain(
            input_ids=ids[None],
            # With four dimensions it is left as it is, and `packing` tells what takes its place.
            attention_mask=torch.zeros(1, 1, 1, 1, dtype=torch.bool, device=ids.device),
            position_ids=packing.positions(),
            shift_labels=torch.cat([unscored, labels[mask]])[None],
            packing=packing,
            **kwargs,
        )
        self.told_windows = packing.windows
        for name in ("log_probs", "entropy"):
            if (values := getattr(out, name)) is not None:
                own = values[0, packing.prefixes.count :]
                rows = own.new_zeros(mask.shape).masked_scatter(mask, own)
                setattr(out, name, rows[:, :-1])
        return out

    model.forward = MethodType(forward, model)


def _attention(model) -> str:
    return model.config.get_text_config()._attn_implementation


@torch.no_grad()
def can_share_prefixes(model, tell: Callable[[str], None] = print) -> bool:
    """Whether rows that are scored behind shared prefixes have the log-probabilities of whole rows.

    model: with `add_shared_prefixes`, wrapped or not. Layers that carry a state from position to
    position can't be given packed rows, nor can attention that is none of KNOWN or has a window that it
    does not tell of. What else the code of a policy does with them shows on a few tokens. tell: is
    told why not.
    """
    why_not = _why_not(model)
    if why_not:
        tell(f"scoring passes compute every rollout with its whole prompt and padding: {why_not}")
    return not why_not


def _why_not(model) -> str | None:
    below = next(m for m in model.modules() if hasattr(m, "told_windows"))
    config = below.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or [])
    if _attention(below) not in KNOWN:
        return f"attention is {_attention(below)}, which is none of {', '.join(KNOWN)}"
    if others := kinds - {"full_attention", "sliding_attention"}:
        return f"the policy has layers of {', '.join(sorted(others))}"
    if not below._supports_attention_backend or not _alike(model):
        return f"the code of a {config.model_type} can't compute rows one behind the other"
    window = getattr(config, "sliding_window", None)
    slides = bool(window) and (not kinds or "sliding_attention" in kinds)
    if slides and window not in below.told_windows:
        return (
            f"the code of a {config.model_type} does not tell its attention of its sliding window"
        )
    return None


def _alike(model) -> bool:
    """Whether a few packed rows have the log-probabilities of whole ones."""
    device = next(model.parameters()).device

    def rows(*values: list[int]) -> torch.Tensor:
        return torch.tensor(values, device=device)

    own, empty = rows([3, 5, 7, 2, 9], [9, 8, 2, 2, 2], [4, 3, 6, 2, 2]), 2
    mask = rows([1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0])
    turn = rows([0, 1, 1, 1, 1], [0, 1, 0, 0, 0], [0, 1, 1, 0, 0])
    packed = {
        "input_ids": own,
        "attention_mask": mask,
        "turn": turn,
        "prefix_ids": rows([empty, empty, 3, 4], [5, 6, 7, 8]),
        "prefix_mask": rows([0, 0, 1, 1], [1, 1, 1, 1]),
        "prefix_of": torch.tensor([0, 1, 1], device=device),
    }
    whole = {
        "input_ids": rows([3, 4, 3, 5, 7, 2, 9], [5, 6, 7, 8, 9, 8, empty], [5, 6, 7, 8, 4, 3, 6]),
        "attention_mask": rows([1] * 7, [1] * 6 + [0], [1] * 7),
        "turn": rows([0, 0, 0, 1, 1, 1, 1], [0] * 5 + [1, 0], [0] * 5 + [1, 1]),
    }
    with without_dropout(model):
        found = [token_logps(model, b)[0][b["turn"] > 0].float() for b in (packed, whole)]
    exact, rounded = _TOLERANCE
    allowed = exact.get(next(model.parameters()).dtype, rounded)
    return bool((found[0] - found[1]).abs().mean() <= allowed)
