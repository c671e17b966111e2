"""Mixed precision: float32 weights and optimizer, products of matrices in bfloat16.

Every pass runs under torch's autocast, which casts weights and activations for their products and adds
up the rest in float32. Weights that no update changes are held as autocast would cast them, so that no
pass does it again; that changes no number. The head that turns hidden states into logits, where
bfloat16 would round a logit of 20 by 0.06, stays in float32, as the softmax and the loss do.

DeepSpeed is something else: with bfloat16 weights it keeps float32 copies of its own.
"""

from types import MethodType

import torch
from torch import nn
from trl.trainer.utils import add_fused_lm_head


def compute_head_in_float32(model, temperature: float) -> None:
    """Have the plain and the fused head leave autocast. model: as it is below an adapter."""
    plain_head_in_float32(model)
    outputs = ("log_probs", "entropy")
    add_fused_lm_head(model, temperature, cast_lm_head_to_fp32=True, outputs=outputs)


def plain_head_in_float32(model) -> None:
    """The same of the head that gives logits, as sampling reads them."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            return plain(hidden.float())

    head = model.get_output_embeddings()
    plain = head.forward
    head.forward = MethodType(forward, head)


def hold_frozen_in_bfloat16(model) -> None:
    """Cast the weights of linear layers that are not trained, the head's aside, in place."""
    head = model.get_output_embeddings()
    for layer in model.modules():
        if is_cast(layer, head) and not layer.weight.requires_grad:
            layer.weight.data = layer.weight.data.bfloat16()


def is_cast(layer: nn.Module, head: nn.Module) -> bool:
    """Whether autocast casts the weight of `layer`, of a policy with that head, in every pass."""
    return isinstance(layer, nn.Linear) and layer is not head
