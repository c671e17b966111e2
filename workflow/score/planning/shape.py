"""The size of a policy, and what its tokens cost, from its config.json alone.

Legend of sizes: h hidden, q and kv the widths of all queries and of all keys, i the hidden units of an
MLP, L layers, V vocabulary. Counts of operations take a multiplication and an addition for two.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from score.policies.known_shapes import SHAPES, known_shape
from score.policies.shapes import ALIKE, matrices_of_layer

_NEEDED = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
)


@dataclass(frozen=True)
class Shape:
    """A dense decoder. layer_weights: of one layer's matrices. tied: whether the embedding is the head.

    adapted: inputs + outputs of a layer's matrices, which a rank of LoRA multiplies.
    """

    hidden: int
    layers: int
    queries: int
    keys: int
    inner: int
    vocabulary: int
    tied: bool
    layer_weights: int
    adapted: int

    @property
    def embedding(self) -> int:
        """Weights of the embedding, which are those of the head too where the two are tied."""
        return self.vocabulary * self.hidden

    @property
    def weights(self) -> int:
        """Of the whole policy, without biases and norms, which are less than a thousandth of it."""
        return self.layers * self.layer_weights + self.embedding * (1 if self.tied else 2)

    @property
    def largest(self) -> int:
        """Weights of its largest single matrix, the embedding or one of an MLP."""
        return max(self.embedding, self.inner * self.hidden)

    def adapter(self, rank: int) -> int:
        """Weights of a LoRA adapter on all matrices of the layers."""
        return self.layers * rank * self.adapted

    def operations(self, tokens: float, context: float, scored: float) -> float:
        """Of a forward pass over tokens, each of which attends to `context` others on average.

        scored: tokens whose logits over the whole vocabulary are worked out.
        """
        layer = 2 * self.layer_weights + 4 * self.queries * context
        return tokens * self.layers * layer + 2 * scored * self.embedding

    def cache(self, width: int) -> int:
        """Bytes of the keys and values of a token; width: bytes of a number."""
        return 2 * self.layers * self.keys * width

    def kept_of_layer(self, width: int) -> float:
        """Bytes of a token that the backward pass of one layer needs.

        Of each RMSNorm its input in float32, what it has normalised and its result; queries, keys and
        values repeated for each query's head, the attended values twice; gate, its activation, up and
        their product.
        """
        return (8 + 4 * width) * self.hidden + 5 * width * self.queries + 4 * width * self.inner


def read_shape(model: str, cache_dir: str | None = None) -> Shape:
    """The shape of a policy: a folder with config.json, a hub name in the cache, or one known here.

    Nothing is downloaded. ValueError where there is no config, or one of another kind of policy.
    """
    return shape_of(_config(model, cache_dir), model)


def _config(model: str, cache_dir: str | None) -> dict:
    path = Path(model)
    file = path if path.name == "config.json" else path / "config.json"
    if not file.is_file():
        if (shape := known_shape(model)) is not None and not path.exists():
            return shape
        cached = None
        if not path.exists() and model.count("/") < 2:
            cached = try_to_load_from_cache(model, "config.json", cache_dir=cache_dir)
        if not isinstance(cached, str):
            raise ValueError(
                f"the policy is {model!r}; expected a folder with config.json, a hub name in the "
                f"cache, or a size that is known here ({', '.join(SHAPES)}). Correct it, or fetch the "
                f"file: hf download {model} config.json"
            )
        file = Path(cached)
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} can't be read as JSON: {error}. Fetch it again.") from None
    if not isinstance(config, dict):
        raise ValueError(
            f"{file} holds no object; expected the config of a policy. Fetch it again."
        )
    text = config.get("text_config")
    return text if isinstance(text, dict) else config


def shape_of(config: dict, model: str) -> Shape:
    """The shape that a config.json tells of. ValueError where its family or a size is not known."""
    family = config.get("model_type")
    if family not in ALIKE:
        raise ValueError(
            f"the policy {model!r} is a {family!r}; expected a dense decoder whose layers are known "
            f"here: {', '.join(ALIKE)}. Plan with the nearest policy of these instead."
        )
    for key in _NEEDED:
        if not isinstance(config.get(key), int) or config[key] < 1:
            raise ValueError(
                f"{key} of the policy {model!r} is {config.get(key)!r}; expected 1 or more. Fetch its "
                "config.json again."
            )
    matrices = matrices_of_layer(config)
    # Of these families Gemma and Granite tie the two where the config does not say.
    tied = config.get("tie_word_embeddings", family.startswith(("gemma", "granite")))
    return Shape(
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        queries=matrices["self_attn.q_proj.weight"][0],
        keys=matrices["self_attn.k_proj.weight"][0],
        inner=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        tied=bool(tied),
        layer_weights=sum(rows * columns for rows, columns in matrices.values()),
        adapted=sum(map(sum, matrices.values())),
    )
