"""A copy of the policy to sample from: adapters merged, weights in the precision of products.

Sampling computes one position at a time, so what a pass costs beside its products counts most there:
the two further products of each adapted layer, and in mixed precision the casts of all weights. The
copy has neither. It is brought up to date in place whenever rollouts are sampled. Only layers that
differ have weights of their own; embeddings, norms and the head are the policy's.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from peft.tuners import lora
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper
from torch import nn
from transformers.integrations import is_deepspeed_zero3_enabled
from trl.models import unwrap_model_for_generation

from score.training.mixed_precision import is_cast, plain_head_in_float32


class WithSamplingCopy:
    """The part of SCoReTrainer that says which weights attempts are sampled from."""

    sampling_copy = None

    @contextmanager
    def _sampler(self) -> Iterator:
        """The policy to sample from, up to date, on this rank."""
        if self._samples_from_copy():
            policy = self._plain_model()
            if self.sampling_copy is None:
                self.sampling_copy = SamplingCopy(policy, self.mixed)
            self.sampling_copy.refresh()
            with self.accelerator.autocast():
                yield self.sampling_copy.model
        else:
            with unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                gather_deepspeed3_params=self.args.ds3_gather_for_generation,
            ) as policy:
                yield policy

    def _samples_from_copy(self) -> bool:
        """Whether a copy is wanted, possible and of use.

        Adapters merged into bfloat16 weights are rounded with them: that takes importance ratios.
        """
        policy = self._plain_model()
        if self.args.sampling_copy is False or is_deepspeed_zero3_enabled():
            return False
        if not hasattr(policy, "peft_config"):
            return self.mixed or bool(self.args.sampling_copy)
        exact = policy.get_base_model().dtype == torch.float32 and not self.mixed
        return mergeable(policy) and (exact or bool(self.args.sampler_ratios))


def mergeable(policy) -> bool:
    """Whether an adapter is plain LoRA of linear layers alone, W + scaling · B A."""
    for layer in policy.modules():
        if isinstance(layer, AuxiliaryTrainingWrapper):
            return False
        if isinstance(layer, BaseTunerLayer):
            plain = type(layer) is lora.Linear and type(layer.get_base_layer()) is nn.Linear
            if not plain or layer.lora_variant or any(layer.lora_bias.values()) or layer.merged:
                return False
    return policy.peft_type == "LORA"


class SamplingCopy:
    """`model` samples as `policy` does. policy: whole, or with an adapter that is `mergeable`.

    mixed: whether passes run under autocast; linear layers are then held in bfloat16. Otherwise only
    layers with an adapter have weights of their own, in the precision of those below it.
    """

    def __init__(self, policy, mixed: bool):
        self.base = policy.get_base_model() if hasattr(policy, "peft_config") else policy
        config = copy.deepcopy(self.base.config)
        with torch.device("meta"):
            self.model = type(self.base)(config)
        self.model.eval().requires_grad_(False)
        head = self.model.get_output_embeddings()
        self.own: list[tuple[nn.Module, nn.Parameter]] = []
        for name, layer in self.model.named_modules():
            source = self.base.get_submodule(name)
            below = layer_below(source)
            for key, buffer in below.named_buffers(recurse=False):
                layer._parameters.pop(key, None)  # a head's bias that is no weight
                layer.register_buffer(key, buffer, persistent=False)
            cast = mixed and is_cast(layer, head)
            dtype = (
                torch.bfloat16 if cast else getattr(getattr(below, "weight", None), "dtype", None)
            )
            if below is not source or (cast and below.weight.dtype != dtype):
                weight = nn.Parameter(torch.empty_like(below.weight, dtype=dtype), False)
                layer.weight = weight
                self.own.append((source, weight))
        if mixed:
            plain_head_in_float32(self.model)

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over the policy's weights as they are now."""
        own = {id(weight) for _, weight in self.own}
        for name, layer in self.model.named_modules():
            below = layer_below(self.base.get_submodule(name))
            for key, weight in layer._parameters.items():
                if id(weight) not in own:
                    layer._parameters[key] = getattr(below, key)
        for source, weight in self.own:
            weight.copy_(merged(source))


def layer_below(layer: nn.Module) -> nn.Module:
    return layer.get_base_layer() if isinstance(layer, BaseTunerLayer) else layer


def merged(layer: nn.Module) -> torch.Tensor:
    """The weight of a layer, with what its adapters add to it."""
    weight = layer_below(layer).weight
    if layer is not layer_below(layer):
        for adapter in layer.active_adapters:
            weight = weight + layer.get_delta_weight(adapter)
    return weight
