"""Tiny random base policies: tokenizers without a chat template, weights without any training."""

import json
import string
from pathlib import Path

import torch
from places import ROOT
from score.sampling.plain_prompts import NEXT_QUESTION, in_format
from score.sampling.tokenizers import load_tokenizer
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

END = "<|endoftext|>"
# As Qwen's: a line break may belong to the token of the punctuation before it.
_PIECES = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def _texts() -> list[str]:
    messages = json.loads((ROOT / "few_shots/math_initial.json").read_text())
    texts = [message["content"] for message in messages]
    return [
        NEXT_QUESTION.join(texts),
        *(f"Question:\nIt is {i}.\n\nAnswer: {i}" for i in range(50)),
    ]


def byte_level() -> PreTrainedTokenizerFast:
    """Byte-level BPE, as of Qwen and Llama 3, with tokens such as ":\\n" and ".\\n\\n"."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)


def with_word_starts() -> PreTrainedTokenizerFast:
    """As of Llama 2: puts a space before every text, and a begin-of-text token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    spaces = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    tokenizer.normalizer = normalizers.Sequence(spaces)
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=special,
        initial_alphabet=list(string.printable),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    begin = {"single": "<s> $A", "special_tokens": [("<s>", 1)]}
    tokenizer.post_processor = processors.TemplateProcessing(**begin)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def save_policy(folder: Path, tokenizer=None, seed: int = 0, of=LlamaConfig, **shape) -> str:
    """A random policy of the tokenizer's vocabulary; the path of its folder. of, shape: its config."""
    tokenizer = tokenizer or byte_level()
    torch.manual_seed(seed)
    usual = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        "initializer_range": 0.2,
    }
    config = of(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        **(usual | shape),
    )
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def plain(path: str, stop_strings: list[str] | None = None):
    """The policy's tokenizer, which writes prompts as plain text."""
    told = {"prompt_format": "plain", "stop_strings": stop_strings}
    return in_format(load_tokenizer(path), told)
