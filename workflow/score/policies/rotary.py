"""Rotary frequencies in float32, which ZeRO-3 rounds to the precision of the weights.

DeepSpeed's zero.Init makes every floating tensor of a policy's construction in the precision of its
weights, also those that transformers makes in float32 whatever that is. In bfloat16 the phases of rotary
embeddings would be off by a radian after a thousand positions: another policy than the one saved.
"""

import torch
from torch import nn


def restore_rotary_frequencies(policy: nn.Module) -> None:
    """Make rounded buffers of rotary embeddings anew, as a policy that is not sharded has them.

    ValueError where an embedding is not made of its config alone, as custom code may do.
    """
    for module in policy.modules():
        if not _is_rounded(module):
            continue
        try:
            fresh = type(module)(module.config)
        except (AttributeError, TypeError) as error:
            raise ValueError(
                f"ZeRO-3 in bfloat16 rounds the frequencies of {type(module).__name__}, and it can't be "
                f"made anew of its config ({error}); expected a policy of transformers' own code. Take "
                "launcher: configs/accelerate/zero2.yaml, or precision: float32."
            ) from None
        for name, buffer in module.named_buffers(recurse=False):
            module._buffers[name] = getattr(fresh, name).to(buffer.device)


def _is_rounded(module: nn.Module) -> bool:
    buffers = [b for _, b in module.named_buffers(recurse=False) if b.is_floating_point()]
    rotary = "RotaryEmbedding" in type(module).__name__
    return rotary and any(buffer.dtype != torch.float32 for buffer in buffers)
