"""Scoring rows that begin alike: what they share is computed once, with its gradient.

Legend of shapes: B rows, P different prefixes, L and T positions of prefixes and of what follows.

The K rollouts of a problem have one prompt. A pass over the P prompts fills a cache of keys and values,
whose rows are then handed to the B rollouts; through it flows the gradient of all of them.
"""

from functools import wraps
from types import MethodType

import torch
from transformers import DynamicCache


def add_shared_prefixes(model) -> None:
    """Let `model(…, prefix={"ids", "mask", "of"}, fused_lm_head=True)` go on from prefixes.

    model: with TRL's fused head, not yet wrapped by an adapter or a launcher, so that they see one pass.
    ids, mask (P, L): prefixes, padded on the left. of (B,): the prefix of each row of input_ids (B, T),
    which begins behind it, as attention_mask (B, T) does.
    """
    plain = model.forward

    @wraps(type(model).forward)  # libraries look at what it takes
    def forward(self, *args, prefix=None, **kwargs):
        if prefix is None:
            return plain(*args, **kwargs)
        cache = DynamicCache(config=self.config.get_text_config(decoder=True))
        self.base_model(
            input_ids=prefix["ids"],
            attention_mask=prefix["mask"],
            position_ids=positions(prefix["mask"]),
            past_key_values=cache,
            use_cache=True,
        )
        cache.reorder_cache(prefix["of"])
        mask = torch.cat([prefix["mask"][prefix["of"]], kwargs.pop("attention_mask")], dim=1)
        own = positions(mask)[:, prefix["mask"].size(1) :]
        return plain(attention_mask=mask, position_ids=own, past_key_values=cache, **kwargs)

    model.forward = MethodType(forward, model)


def positions(mask: torch.Tensor) -> torch.Tensor:
    """Of each token its place among the tokens of its row, (B, T) from a mask (B, T)."""
    return (mask.cumsum(1) - 1).clamp_(min=0)
