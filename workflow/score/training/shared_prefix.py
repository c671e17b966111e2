"""Scoring rows that begin alike: what they share is computed once, with its gradient, and no padding is.

Legend of shapes: B rows, P different prefixes, L and T positions of prefixes and of what follows, N all
positions but padding.

The K rollouts of a problem have one prompt. All prefixes and rows are one row (1, N) of one plain pass
of the policy, in which only attention knows of rows (score.training.packed_attention). So it works
with layers that are computed again in the backward pass and with weights that are shared out.
"""

from functools import wraps
from math import inf
from types import MethodType

import torch

from score.policies.distribution import without_dropout
from score.training.batches import IGNORED, token_logps
from score.training.packed_attention import KNOWN, Packing, let_attention_unpack

# Mean difference in nats of what may be rounding; attention that sees other rows is further off.
_TOLERANCE = {torch.float32: 1e-3}, 0.1
_SEEN_ALL = {"full_attention", "sliding_attention"}


def add_shared_prefixes(model) -> None:
    """Let `model(…, prefix={"ids", "mask", "of"}, fused_lm_head=True)` go on from prefixes.

    model: with TRL's fused head, not yet wrapped by an adapter or a launcher, so that they see one pass.
    ids, mask (P, L): prefixes, padded on the left. of (B,): the prefix of each row of input_ids (B, T),
    which begins behind it, as attention_mask (B, T) and labels (B, T) do. Whether a policy can do this
    says `longest_shared`.
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
def longest_shared(model) -> float:
    """How many tokens a row may have that is scored behind a shared prefix; 0 where none can.

    model: with `add_shared_prefixes`, wrapped or not. Layers that carry a state from position to
    position, or whose attention is not one of KNOWN, can't be given rows packed; what the code of a
    policy does with them is seen on a few tokens. A window that no layer told of is never left.
    """
    below = next(m for m in model.modules() if hasattr(m, "told_windows"))
    config = below.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    able = below._supports_attention_backend and _attention(below) in KNOWN
    if not able or kinds - _SEEN_ALL or not _alike(model):
        return 0
    window = getattr(config, "sliding_window", None)
    slides = "sliding_attention" in kinds or not getattr(config, "layer_types", None)
    return window if slides and window and window not in below.told_windows else inf


def _alike(model) -> bool:
    """Whether a few packed rows have the log-probabilities of whole ones."""
    device = next(model.parameters()).device
    prefix = torch.tensor([[2, 2, 3, 4], [5, 6, 7, 8]], device=device)
    before = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]], device=device)
    rows = torch.tensor([[3, 5, 7, 2, 9], [9, 8, 2, 2, 2], [4, 3, 6, 2, 2]], device=device)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]], device=device)
    turn, of = mask.clone(), torch.tensor([0, 1, 1], device=device)
    turn[:, 0] = 0
    packed = {"input_ids": rows, "attention_mask": mask, "turn": turn}
    whole = {
        "input_ids": torch.cat([prefix[of], rows], 1),
        "attention_mask": torch.cat([before[of], mask], 1),
        "turn": torch.cat([torch.zeros_like(before[of]), turn], 1),
    }
    # Whole rows have their padding on the right.
    whole = {key: torch.stack([*map(torch.roll, value, [-2, 0, 0])]) for key, value in whole.items()}
    packed |= {"prefix_ids": prefix, "prefix_mask": before, "prefix_of": of}
    with without_dropout(model):
        found = [token_logps(model, batch)[0].float() for batch in (packed, whole)]
    packed, whole = (logps[b["turn"] > 0] for logps, b in zip(found, (packed, whole), strict=True))
    exact, rounded = _TOLERANCE
    dtype = next(model.parameters()).dtype
    return bool((packed - whole).abs().mean() <= exact.get(dtype, rounded))
