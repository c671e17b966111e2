"""Whether the shapes of a policy's tensors are those that its config.json tells of.

transformers takes weights of other shapes with an error, and weights that are missing or named
otherwise without one: it draws them at random. So a layer that is not there would be trained from noise.
"""

import re

from score.policies.weight_files import Shapes

_PREFIX = r"(?:(?:model|language_model|transformer|decoder|gpt_neox|backbone)\.)*"
_LAYER = re.compile(_PREFIX + r"(?:layers|h|blocks)\.(\d+)\.(.+)")
_EMBEDDING = re.compile(_PREFIX + r"(?:embed_tokens|wte|word_embeddings|embed_in)\.weight")
_HIDDEN = ("word_embed_proj_dim", "embedding_size", "hidden_size", "n_embd", "d_model")
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers")
_FURTHER_LAYERS = (
    "num_nextn_predict_layers"  # heads that guess further tokens, which are not loaded
)
# Families whose layers are all alike and have the tensors of `matrices_of_layer`.
ALIKE = (
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3_text",
    "smollm3",
    "granite",
)
_CURE = "Take config.json and weights from one and the same policy."


def check_shapes(config: dict, shapes: Shapes) -> int | None:
    """How many token ids the embedding has rows for; None where it is not recognised.

    ValueError where embedding, layers or, in families that are known here, the tensors of a layer
    are not those of the config. Quantised weights are packed, so of these only the embedding counts.
    """
    text = config.get("text_config")
    text = text if isinstance(text, dict) else config
    rows = _check_embedding(text, shapes)
    if "quantization_config" in config or "quantization_config" in text:
        return rows
    layers = _layers(shapes)
    _check_number_of_layers(text, layers, shapes)
    if text.get("model_type") in ALIKE:
        _check_layers(text, layers)
        _check_head(text, shapes)
    return rows


def _check_embedding(text: dict, shapes: Shapes) -> int | None:
    name = next(filter(_EMBEDDING.fullmatch, shapes), None)
    if name is None or len(shapes[name]) != 2:
        return None
    expected = _whole(text, ("vocab_size",)), _whole(text, _HIDDEN)
    if None not in expected and shapes[name] != expected:
        raise ValueError(_differs(name, shapes[name], expected, "vocab_size × hidden_size"))
    return shapes[name][0]


def _layers(shapes: Shapes) -> dict[int, Shapes]:
    """Number of a layer -> the shapes in it, by the name within the layer."""
    layers: dict[int, Shapes] = {}
    for name, shape in shapes.items():
        if match := _LAYER.fullmatch(name):
            layers.setdefault(int(match[1]), {})[match[2]] = shape
    return layers


def _check_number_of_layers(text: dict, layers: dict[int, Shapes], shapes: Shapes) -> None:
    count = _whole(text, _LAYERS)
    if count is None:
        return
    if not layers and text.get("model_type") in ALIKE:
        raise ValueError(
            f"the weights have no layers under the names that config.json calls for (they have "
            f"{next(iter(shapes))!r}); expected model.layers.0 and so on. Save the policy with "
            "save_pretrained, without what wrapped it."
        )
    most = count + (_whole(text, (_FURTHER_LAYERS,)) or 0)
    lacking = sorted(set(range(count)) - set(layers))
    if layers and (lacking or max(layers) >= most):
        what = f", without layer {lacking[0]}" if lacking else ""
        raise ValueError(
            f"the weights have {len(layers)} layers{what} and config.json tells of {count}; expected as "
            f"many. {_CURE}"
        )


def _check_layers(text: dict, layers: dict[int, Shapes]) -> None:
    expected = matrices_of_layer(text)
    wanted = {*expected, *(name for layer in layers.values() for name in layer)}
    for number, layer in sorted(layers.items()):
        lacking = sorted(wanted - set(layer))
        if lacking:
            raise ValueError(
                f"the weights lack {lacking[0]} of layer {number}; expected every layer whole. {_CURE}"
            )
        for name, shape in expected.items():
            if layer[name] != shape:
                why = "its numbers of heads and sizes"
                raise ValueError(_differs(f"{name} of layer {number}", layer[name], shape, why))


def matrices_of_layer(text: dict) -> Shapes:
    """The matrices of a layer, each (outputs, inputs)."""
    keys = ("hidden_size", "intermediate_size", "num_attention_heads")
    hidden, inner, heads = (_whole(text, (key,)) for key in keys)
    if None in (hidden, inner, heads) or heads == 0:
        return {}
    wide = _whole(text, ("head_dim",)) or hidden // heads
    queries, keys = heads * wide, (_whole(text, ("num_key_value_heads",)) or heads) * wide
    return {
        "self_attn.q_proj.weight": (queries, hidden),
        "self_attn.k_proj.weight": (keys, hidden),
        "self_attn.v_proj.weight": (keys, hidden),
        "self_attn.o_proj.weight": (hidden, queries),
        "mlp.gate_proj.weight": (inner, hidden),
        "mlp.up_proj.weight": (inner, hidden),
        "mlp.down_proj.weight": (hidden, inner),
    }


def _check_head(text: dict, shapes: Shapes) -> None:
    """The matrix that makes logits is there where it is not the embedding once more."""
    if text.get("tie_word_embeddings") is False and "lm_head.weight" not in shapes:
        raise ValueError(
            "the weights lack lm_head.weight and config.json says tie_word_embeddings: false; expected "
            f"the matrix that makes the logits. {_CURE}"
        )


def _whole(config: dict, keys: tuple[str, ...]) -> int | None:
    """The first of these keys that is a whole number."""
    values = (config.get(key) for key in keys)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool)), None)


def _differs(name: str, shape: tuple, expected: tuple, why: str) -> str:
    return (
        f"{name} is of shape {list(shape)} and config.json tells of {list(expected)} ({why}); expected "
        f"the two to agree. {_CURE}"
    )
