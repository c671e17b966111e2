"""The published shapes of well-known policies, so that they can be planned for without a download.

An entry has the keys of a policy's config.json that say how large it is, as its model card and config
have them. All policies of one size and family share an entry, whatever they were trained on.
"""

from pathlib import PurePosixPath


def _shape(
    family: str, hidden: int, layers: int, heads: tuple[int, int], inner: int, **more
) -> dict:
    """heads: of queries and of keys. inner: hidden units of a layer's MLP."""
    shape = {"model_type": family, "hidden_size": hidden, "num_hidden_layers": layers}
    shape |= {"num_attention_heads": heads[0], "num_key_value_heads": heads[1]}
    return {**shape, "intermediate_size": inner, **more}


def _qwen2(*sizes, **more) -> dict:
    return _shape("qwen2", *sizes, **more)


def _qwen3(*sizes, **more) -> dict:
    return _shape("qwen3", *sizes, head_dim=128, vocab_size=151936, **more)


def _llama(*sizes, **more) -> dict:
    return _shape("llama", *sizes, **more)


_TIED = {"tie_word_embeddings": True}
_UNTIED = {"tie_word_embeddings": False}
# The vocabulary of Qwen2.5 is padded to another size from 7B on.
_SMALL = {"vocab_size": 151936, **_TIED}
_LARGE = {"vocab_size": 152064, **_UNTIED}
_SMOL = {"vocab_size": 49152, **_TIED}

SHAPES = {
    "Qwen2.5-0.5B": _qwen2(896, 24, (14, 2), 4864, **_SMALL),
    "Qwen2.5-1.5B": _qwen2(1536, 28, (12, 2), 8960, **_SMALL),
    "Qwen2.5-3B": _qwen2(2048, 36, (16, 2), 11008, **_SMALL),
    "Qwen2.5-7B": _qwen2(3584, 28, (28, 4), 18944, **_LARGE),
    "Qwen2.5-14B": _qwen2(5120, 48, (40, 8), 13824, **_LARGE),
    "Qwen2.5-32B": _qwen2(5120, 64, (40, 8), 27648, **_LARGE),
    "Qwen3-0.6B": _qwen3(1024, 28, (16, 8), 3072, **_TIED),
    "Qwen3-1.7B": _qwen3(2048, 28, (16, 8), 6144, **_TIED),
    "Qwen3-4B": _qwen3(2560, 36, (32, 8), 9728, **_TIED),
    "Qwen3-8B": _qwen3(4096, 36, (32, 8), 12288, **_UNTIED),
    "Llama-3.2-1B": _llama(2048, 16, (32, 8), 8192, vocab_size=128256, head_dim=64, **_TIED),
    "Llama-3.1-8B": _llama(4096, 32, (32, 8), 14336, vocab_size=128256, **_UNTIED),
    "SmolLM2-135M": _llama(576, 30, (9, 3), 1536, **_SMOL),
    "SmolLM2-360M": _llama(960, 32, (15, 5), 2560, **_SMOL),
    "SmolLM2-1.7B": _llama(2048, 24, (32, 32), 8192, **_SMOL),
}
# What the names of policies add to those of their sizes: how they were trained.
_TRAINED = ("-Instruct", "-Instruct-2507", "-Thinking-2507", "-Base")


def known_shape(name: str) -> dict | None:
    """The shape that a hub name or the name of a size stands for; None where it is not known here.

    `Qwen/Qwen2.5-Math-1.5B-Instruct` has that of Qwen2.5-1.5B.
    """
    size = PurePosixPath(name).name
    for ending in sorted(_TRAINED, key=len, reverse=True):
        size = size.removesuffix(ending)
    if size.startswith("Qwen2.5-"):
        size = size.replace("-Math-", "-").replace("-Coder-", "-")
    return SHAPES.get(size)
