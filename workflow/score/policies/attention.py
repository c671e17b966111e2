"""Whether a policy can be run with the attention that the config asks for, told before any job.

`attn_implementation` null leaves the choice to transformers: sdpa, and eager for policies that sdpa
can't compute, such as gpt-oss with its attention sinks.
"""

from importlib.util import find_spec

FLASH = {
    "flash_attention_2": "flash_attn",
    "flash_attention_3": "flash_attn_interface",
}
# The flag by which a class of transformers says that it has been made for an implementation.
_FLAGS = {"sdpa": "_supports_sdpa", "flex_attention": "_supports_flex_attn"}
_CURE = "Set attn_implementation to null for transformers' own choice, or to eager"


def check_attention(name: str | None, precision: str, config: dict | None) -> None:
    """ValueError where the policy of this config.json, None if unknown, can't be run with it.

    name: null, eager, sdpa, flex_attention or a key of FLASH. What code that comes with a policy can do
    is left to its jobs.
    """
    if name is None:
        return
    if name in FLASH:
        _check_flash(name, precision)
    policy_class = class_of(config or {})
    flag = _FLAGS.get(name, "_supports_flash_attn" if name in FLASH else None)
    if policy_class is not None and flag is not None and not getattr(policy_class, flag, False):
        raise ValueError(
            f"attn_implementation is {name!r}, with which transformers can't run a policy of "
            f"model_type {config['model_type']!r}; expected one that computes its attention. {_CURE}."
        )


def _check_flash(name: str, precision: str) -> None:
    if precision != "bfloat16":
        raise ValueError(
            f"attn_implementation is {name!r} with precision {precision!r}; expected bfloat16, since "
            f"its kernels know no other. Set precision: bfloat16. {_CURE}."
        )
    if find_spec(FLASH[name]) is None and find_spec("kernels") is None:
        raise ValueError(
            f"attn_implementation is {name!r}, and neither {FLASH[name]} nor kernels is installed; "
            f"expected one of them in the environment of every job. Install it. {_CURE}."
        )


def class_of(config: dict) -> type | None:
    """The class that transformers has for a config.json; None where it has none of its own."""
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    name = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.get("model_type"))
    return getattr(transformers, name, None) if isinstance(name, str) else None
