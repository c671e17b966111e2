"""What TRL's fused head does to a tile of logits, worked out in place where there is no GPU.

TRL makes five fresh arrays as large as the tile forward and eight backward, and on a CPU much time
goes into their memory. These make one and none, and give the same numbers bit for bit.

Legend of shapes: n tokens, C columns of the vocabulary.
"""

from functools import wraps

import torch

_FORWARD_ELSE = ("HAS_LOG_SUM_SQ_PROBS", "HAS_MEAN_LOGITS", "HAS_IS_TOP1")


def work_in_place(kernels) -> None:
    """Have TRL's module of kernels use these where they know what is asked for, else its own."""
    if kernels._forward_tile.__module__ == __name__:
        return
    kernels._forward_tile = _unless(_FORWARD_ELSE, _forward_tile, kernels._forward_tile)
    kernels._backward_tile = _unless(["HAS_ENTROPY_GRAD"], _backward_tile, kernels._backward_tile)


def _unless(asked, ours, theirs):
    @wraps(ours)
    def tile(*arrays, **options):
        return (theirs if any(options[name] for name in asked) else ours)(*arrays, **options)

    tile.theirs = theirs
    return tile


def _forward_tile(tile, tile_stride, targets, running_max, sum_exp, x_sum_exp, *rest, **options):
    """Fold logits (n, C) into each token's running maximum, sum of exponentials and target's logit."""
    *_, target_logit, vocab_start, n_cols = rest
    z, _ = _scaled(tile, options)
    highest = torch.maximum(running_max, z.amax(-1))
    rescale = torch.exp(running_max - highest)
    e = torch.sub(z, highest.unsqueeze(-1)).exp_()
    sum_exp.mul_(rescale).add_(e.sum(-1))
    if options["HAS_ENTROPY"]:
        x_sum_exp.mul_(rescale).add_(e.mul_(z).sum(-1))
    running_max.copy_(highest)
    rows, columns = _targets_here(targets, vocab_start, n_cols)
    target_logit[rows] = z[rows, columns]


def _backward_tile(
    tile, tile_stride, targets, log_z, entropy, grad, grad_entropy, vocab_start, n_cols, **options
):
    """Replace logits (n, C) by the gradient of Σ grad · log p(target), grad · (1[target] − p) / T."""
    z, slope = _scaled(tile, options, backward=True)
    z.sub_(log_z.unsqueeze(-1)).exp_()
    rows, columns = _targets_here(targets, vocab_start, n_cols)
    of_targets = grad[rows] * (1 - z[rows, columns])
    z.mul_(-grad.unsqueeze(-1))
    z[rows, columns] = of_targets
    _times(z, options["inv_t"])
    if slope is not None:
        z.mul_(slope)
    _times(z, options["logit_scale"])
    if z is not tile:
        tile.copy_(z)


def _targets_here(targets, vocab_start: int, n_cols: int):
    """Rows whose target is in the tile, and its columns."""
    local = targets - vocab_start
    rows = ((local >= 0) & (local < n_cols)).nonzero().squeeze(-1)
    return rows, local[rows]


def _scaled(tile, options: dict, backward: bool = False):
    """The tile as the policy's logits over the temperature, in float32; and the slope of a soft cap."""
    z, slope = tile.float(), None  # itself where it is float32
    _times(z, options["logit_scale"])
    if options["HAS_SOFTCAP"]:
        z.div_(options["softcap"]).tanh_()
        slope = 1 - z * z if backward else None
        z.mul_(options["softcap"])
    _times(z, options["inv_t"])
    return z, slope


def _times(values: torch.Tensor, factor: float) -> None:
    if factor != 1:
        values.mul_(factor)
