"""Rows of a micro-batch that teach nothing: they are scored for the record and have no backward pass.

Legend of shapes: S rows, T positions, N turns.

Where no KL has a weight, a row is idle when no turn of it has an advantage: its group was paid alike.
"""

import torch

from score.training.batches import token_logps


def idle_rows(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Which rows (S,) have advantage 0 in every turn that they train, where there is no KL."""
    of_token = torch.nn.functional.pad(batch["advantages"], (1, 0)).gather(1, batch["turn"])
    return (of_token == 0).all(1)


def logps_with_idle(
    model, plain, batch: dict[str, torch.Tensor], idle: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """`token_logps` of a micro-batch, without gradient for its idle rows.

    plain: the policy without what wraps `model` for several ranks. A batch whose rows are all idle
    computes the gradient of its shortest row, 0, since all ranks take part in every backward pass.
    """
    if idle is None or not idle.any():
        return token_logps(model, batch)
    if idle.all():
        idle = idle.clone()
        idle[batch["attention_mask"].sum(1).argmin()] = False
    logps, entropy = [batch["turn"].new_zeros(batch["turn"].shape, dtype=torch.float) for _ in "pe"]
    for of, rows, teach in ((model, ~idle, True), (plain, idle, False)):
        index = rows.nonzero().squeeze(1)
        if not len(index):  # the only row, kept for the sake of other ranks
            continue
        with torch.set_grad_enabled(teach):
            found = token_logps(of, _rows(batch, index))
        length = found[0].size(1)
        where = (index[:, None], torch.arange(length, device=index.device))
        logps, entropy = (
            whole.index_put(where, values.to(whole.dtype))
            for whole, values in zip((logps, entropy), found, strict=True)
        )
    return logps, entropy


def _rows(batch: dict[str, torch.Tensor], index: torch.Tensor) -> dict[str, torch.Tensor]:
    """What `token_logps` reads of these rows, as far as the longest of them goes."""
    length = int(batch["attention_mask"][index].sum(1).max())
    part = {key: batch[key][index, :length] for key in ("input_ids", "attention_mask", "turn")}
    if "prefix_of" in batch:
        used, of = batch["prefix_of"][index].unique(return_inverse=True)
        part |= {"prefix_of": of}
        part |= {key: batch[key][used] for key in ("prefix_ids", "prefix_mask")}
    return part
