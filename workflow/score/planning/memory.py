"""What a GPU holds while a policy is trained and while it is sampled, in bytes.

The states of a policy are worked out as DeepSpeed's estimators do (score.policies.memory, with which a
test compares them): 2 bytes a weight and a gradient in bfloat16, 16 of the optimizer with its float32
copies, 4 of them for float32 gradients. For ZeRO-3 the estimators count 18 in all, here it is 20 as
elsewhere. Without DeepSpeed weights, gradients and Adam's two moments have the weights' own precision.
"""

from dataclasses import dataclass
from math import ceil

from score.planning.shape import Shape

# TRL's fused head works out logits in tiles of so many tokens and words.
TILE = (4096, 32768)
POSITIONS = (
    256  # the cache of compiled decoding has a multiple of so many (score.sampling.compiled)
)
LAUNCHERS = ("single_gpu", "zero1", "zero2", "zero3", "zero3-offload")


@dataclass(frozen=True)
class Setup:
    """How a policy is laid out over GPUs.

    launcher: a file of configs/accelerate without its ending; None: no DeepSpeed, all in `width` bytes.
    rank: of the adapter; None: all weights are trained. copied: whether attempts are sampled from a copy
    with the adapter merged. compiled: whether decoding is.
    """

    launcher: str | None
    gpus: int
    width: int = 2
    rank: int | None = None
    checkpointing: bool = False
    copied: bool = False
    compiled: bool = False

    @property
    def sharded(self) -> bool:
        """Whether weights are shared out too."""
        return self.launcher in ("zero3", "zero3-offload")


def states(shape: Shape, setup: Setup) -> dict[str, float]:
    """Bytes of a GPU for weights, gradients, optimizer and reference. The latter is the policy's own
    weights where an adapter is trained, and a copy to sample from has layers of its own."""
    n, gpus, width = shape.weights, setup.gpus, setup.width
    trained = n if setup.rank is None else shape.adapter(setup.rank)
    added = 0 if setup.rank is None else trained
    parts: dict[str, float]
    if setup.launcher is None:
        parts = {"weights": width * (n + added), "gradients": width * trained}
        parts["optimizer"] = 2 * width * trained
    elif setup.launcher == "zero3-offload":
        parts = {"weights": 2 * width * shape.largest, "gradients": 0.0, "optimizer": 0.0}
    else:
        over = {"single_gpu": (1, 1, 1), "zero1": (1, 1, gpus), "zero2": (1, gpus, gpus)}
        of = over.get(setup.launcher, (gpus, gpus, gpus))
        parts = {"weights": width * (n + added) / of[0], "gradients": width * trained / of[1]}
        parts["optimizer"] = 16 * trained / of[2]
        if setup.sharded:
            parts["weights"] += 2 * width * shape.largest
    shared = gpus if setup.sharded else 1
    parts["reference"] = 0.0 if setup.rank is not None else width * n / shared
    if setup.launcher == "zero3-offload":
        parts["reference"] = 0.0  # in the node's memory
    if setup.copied and not setup.sharded:  # embedding, norms and head are the policy's
        parts["weights"] += width * shape.layers * shape.layer_weights
    return parts


def node_states(shape: Shape, setup: Setup) -> float:
    """Bytes of a node's memory that zero3-offload keeps states in: 18 a weight, half more to move them,
    and the reference."""
    return (1.5 * 18 + setup.width) * shape.weights


def activations(shape: Shape, setup: Setup, tokens: float, scored: float) -> dict[str, float]:
    """Bytes of one backward pass: what layers keep, and tiles of logits with gradients of the head.

    tokens: positions of the micro-batch, padding included. scored: of these, trained.
    """
    width = setup.width
    layer = shape.kept_of_layer(width) * tokens
    kept = layer * shape.layers
    if setup.checkpointing:  # the input of every layer, and one layer that is computed again
        kept = layer + width * shape.hidden * tokens * shape.layers
    tile = width * min(scored, TILE[0]) * min(shape.vocabulary, TILE[1])
    head = 4 * shape.embedding if setup.rank is None else 0
    return {"activations": kept, "logits": tile + head + 4 * shape.hidden * scored}


def sampling(
    shape: Shape, setup: Setup, rows: int, context: float, asked: float
) -> dict[str, float]:
    """Bytes of decoding `rows` conversations of at most `context` tokens, beside all states.

    asked: tokens of the prompts that are computed at once. The cache of a layer is copied when it
    grows; logits are turned to float32, probabilities to float64 and their sums. The cache of compiled
    decoding has a fixed size instead (score.sampling.compiled).
    """
    grown = 1 / shape.layers
    if setup.compiled:
        rows, context, grown = (
            2 ** (rows - 1).bit_length(),
            POSITIONS * ceil(context / POSITIONS),
            0,
        )
    cache = shape.cache(setup.width) * rows * context
    prefill = shape.kept_of_layer(setup.width) * asked
    logits = (setup.width + 2 * 4 + 2 * 8) * rows * shape.vocabulary
    gathered = setup.width * shape.weights if setup.sharded else 0
    return {
        "cache": cache * (1 + grown) + prefill,
        "logits": logits,
        "gathered": gathered,
    }
