"""Rollouts as padded tensors, and the log-probabilities of their tokens.

Legend of shapes: B rollouts of a batch, N turns, T positions. A row holds a whole conversation,
[prompt][attempt 1][bridge][attempt 2]…, padded on the right, so one forward pass serves both turns.
"""

import torch

from score.sampling.rollout import Rollout

IGNORED = -100


def pad_rollouts(
    rollouts: list[Rollout], pad_id: int, offline: list[bool] | None = None
) -> dict[str, torch.Tensor]:
    """`input_ids`, `attention_mask` and `turn`, (B, T) each; masks come from lengths.

    `sampler_logps` (B, T) too, where the sampler told them. offline: whose first attempt was given:
    it is context then, of turn 0.
    """
    rows = [rollout.tokens() for rollout in rollouts]
    length = max(len(ids) for ids, _ in rows)

    def pad(values: list, filler) -> list:
        return values + [filler] * (length - len(values))

    batch = {
        "input_ids": torch.tensor([pad(ids, pad_id) for ids, _ in rows]),
        "attention_mask": torch.tensor([pad([1] * len(ids), 0) for ids, _ in rows]),
        "turn": torch.tensor([pad(turn, 0) for _, turn in rows]),
    }
    if offline is not None:
        given = torch.tensor(offline)[:, None] & (batch["turn"] == 1)
        batch["turn"] = batch["turn"].masked_fill(given, 0)
    if rollouts[0].sampler_logps:
        logps = [pad(rollout.token_logps(), 0.0) for rollout in rollouts]
        batch["sampler_logps"] = torch.tensor(logps)
    return batch


def pad_batches(
    rollouts: list[Rollout], size: int, pad_id: int, device, offline: list[bool] | None = None
) -> list[dict[str, torch.Tensor]]:
    """`pad_rollouts` of `size` rollouts at a time, on `device`."""
    batches = []
    for i in range(0, len(rollouts), size):
        given = None if offline is None else offline[i : i + size]
        batch = pad_rollouts(rollouts[i : i + size], pad_id, given)
        batches.append({key: value.to(device) for key, value in batch.items()})
    return batches


def token_logps(model, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability and entropy (B, T) of every attempt token; 0 at all other tokens.

    `model` has TRL's fused head, which divides the logits by the sampling temperature and scores
    only the labelled positions, so the (B, T, vocabulary) logits never exist at once on a GPU.
    """
    labels = batch["input_ids"].masked_fill(batch["turn"] == 0, IGNORED)
    out = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        labels=labels,
        fused_lm_head=True,
    )
    shift = torch.nn.functional.pad
    entropy = out.entropy if out.entropy is not None else torch.zeros_like(out.log_probs)
    return shift(out.log_probs, (1, 0)), shift(entropy, (1, 0))
