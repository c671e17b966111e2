"""Whether the token step of a policy can be compiled, told before any job where its config shows it.

`compile_decoding` keeps all keys and values in one cache of fixed size, so every layer has to keep all
positions of a row, as plain causal attention does.
"""

import os
import shutil

_ATTENTION = (None, "sdpa", "eager")
_PLAIN = "full_attention"
_CURE = "Set compile_decoding: false"


def check_compile_settings(
    compiled: bool, rollout_backend: str, use_lora: bool = False, attention: str | None = None
) -> None:
    """ValueError where other settings exclude a compiled token step. Imports nothing."""
    if not compiled:
        return
    if rollout_backend != "transformers":
        raise ValueError(
            f"compile_decoding is true with rollout_backend {rollout_backend!r}; expected false, since "
            f"vLLM has CUDA graphs of its own. {_CURE}."
        )
    if use_lora:
        raise ValueError(
            "compile_decoding is true with use_lora; expected whole weights, since an adapter in "
            f"training is not merged into its base. {_CURE}, or use_lora: false."
        )
    if attention not in _ATTENTION:
        raise ValueError(
            f"compile_decoding is true with attn_implementation {attention!r}; expected null, sdpa or "
            f"eager, since others can't be compiled over a cache of fixed size. {_CURE}, or change it."
        )


def check_compilable_config(config: dict | None) -> None:
    """ValueError where the policy of this config.json, None if unknown, can't have it.

    What code that comes with a policy can do is left to its jobs.
    """
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    from score.policies.attention import class_of

    if config is None or config.get("model_type") not in CONFIG_MAPPING_NAMES:
        return
    values = {name: value for name, value in config.items() if name != "quantization_config"}
    known = AutoConfig.for_model(**values)
    _check(known, class_of(config), "quantization_config" in config)


def check_compilable(model) -> None:
    """ValueError where this policy, loaded, can't have its token step compiled here."""
    from transformers.integrations import is_deepspeed_zero3_enabled

    if hasattr(model, "peft_config"):
        raise ValueError(
            "compile_decoding is true and the policy is an adapter on its base; expected whole "
            f"weights, or a merged adapter. {_CURE}."
        )
    if is_deepspeed_zero3_enabled():
        raise ValueError(
            "compile_decoding is true and ZeRO-3 shards the weights; expected them whole. "
            f"{_CURE}, or take configs/accelerate/zero2.yaml."
        )
    quantized = getattr(model, "hf_quantizer", None) is not None
    _check(model.config, type(model), quantized)
    _check_compiler(model.device.type)


def _check(config, policy_class: type | None, quantized: bool) -> None:
    from transformers.cache_utils import get_layer_types_and_kwargs

    if quantized:
        raise ValueError(
            f"compile_decoding is true and the policy is quantized; expected whole weights. {_CURE}."
        )
    layers, _ = get_layer_types_and_kwargs(config.get_text_config(decoder=True))
    others = sorted({kind for kind in layers if kind != _PLAIN})
    if others:
        raise ValueError(
            f"compile_decoding is true and the policy, a {config.model_type}, has layers of "
            f"{', '.join(others)}; expected {_PLAIN} in all, whose keys and values fit a cache of "
            f"fixed size. {_CURE}."
        )
    if not getattr(policy_class, "_can_compile_fullgraph", policy_class is None):
        raise ValueError(
            f"compile_decoding is true and the policy is a {config.model_type}, whose forward pass "
            f"transformers does not declare compilable as a whole; expected one that is. {_CURE}."
        )


def compiler() -> str | None:
    """The path of a C++ compiler, as torch looks for one; None where there is none."""
    names = (os.environ.get("CXX"), "g++", "clang++", "c++")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def _check_compiler(device: str) -> None:
    if compiler() is None:
        raise ValueError(
            f"compile_decoding is true and this machine, which samples on {device}, has no C++ "
            "compiler; expected g++, with which torch.compile builds its kernels and launchers. "
            f"Install it, or name one in CXX. {_CURE} to go on without."
        )
