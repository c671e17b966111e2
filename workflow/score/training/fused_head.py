"""Whether TRL's fused head scores tokens as the policy's own logits do.

The head works out log-probabilities from hidden states, so it must know what an architecture does to
its logits: Gemma's soft cap, Cohere's and Granite's scales. One that it doesn't know would be trained on
another distribution than it is sampled from.
"""

import torch

from score.policies.distribution import without_dropout
from score.training.batches import token_logps

# In nats: of float32's rounding, and of bfloat16's at logits of some tens.
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.3}
_LENGTH = 8


@torch.no_grad()
def check_fused_head(model, temperature: float) -> None:
    """ValueError where the two differ on a few tokens. model: with a fused head of that temperature."""
    device = next(model.parameters()).device
    ids = torch.arange(2, 2 + _LENGTH, device=device)[None]
    turn = torch.ones_like(ids)
    turn[:, 0] = 0
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "turn": turn}
    with without_dropout(model):
        fused = token_logps(model, batch)[0][:, 1:].float()
        mask = batch["attention_mask"]
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    plain = (logits.float() / temperature).log_softmax(-1)[:, :-1]
    plain = plain.gather(-1, ids[:, 1:, None]).squeeze(-1)
    off = (fused - plain).abs().max().item()
    if not off <= _TOLERANCE.get(logits.dtype, _TOLERANCE[torch.bfloat16]):
        raise ValueError(
            f"the policy is a {model.config.model_type}, whose log-probabilities the fused head of TRL "
            f"works out otherwise than its own logits, by {off:.3g} nats; expected the same. It scales "
            "or caps its logits in a way that TRL does not know. Take another policy, or another TRL."
        )
