"""Small random policies of the architectures that people start from, as their vendors configure them."""

from pathlib import Path

import torch
from score.sampling.prompts import Bridge, first_messages, prompt_ids
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task
from training_runs import BASE
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, GenerationConfig

TOKENIZER = load_tokenizer(BASE)  # of 143 tokens; 0 pads, 1 ends a turn
BRIDGE = Bridge.from_tokenizer(TOKENIZER, "recheck")
SECOND_END = 7  # a further token that ends an attempt, as in vendors' lists
ROWS = 160  # of the embedding: 17 more than there are tokens
WINDOW = 6  # shorter than any conversation

_COMMON = {
    "vocab_size": ROWS,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "pad_token_id": 1,
    "eos_token_id": [1, SECOND_END],
}
_SLIDING_THEN_FULL = {
    "sliding_window": WINDOW,
    "layer_types": ["sliding_attention", "full_attention"],
}
_EXPERTS = {"num_experts_per_tok": 2, "output_router_logits": True}
# By model_type: what differs, as the vendors have it.
ARCHITECTURES = {
    "llama": {"tie_word_embeddings": True},
    "qwen2": {"tie_word_embeddings": True},
    "qwen3": {"tie_word_embeddings": False},
    "gemma2": {
        "final_logit_softcapping": 30.0,
        "attn_logit_softcapping": 5.0,
        "query_pre_attn_scalar": 8,
        **_SLIDING_THEN_FULL,
    },
    "gemma3_text": {
        "final_logit_softcapping": 30.0,
        "query_pre_attn_scalar": 8,
        "tie_word_embeddings": True,
        **_SLIDING_THEN_FULL,
    },
    "mistral": {"sliding_window": WINDOW, "tie_word_embeddings": False},
    "phi3": {"sliding_window": WINDOW},
    "olmo2": {"tie_word_embeddings": False},
    "smollm3": {"no_rope_layers": [1, 0], "tie_word_embeddings": True},
    "granite": {
        "logits_scaling": 4.0,
        "embedding_multiplier": 3.0,
        "residual_multiplier": 0.5,
        "tie_word_embeddings": True,
    },
    "cohere2": {"logit_scale": 0.25, "tie_word_embeddings": True, **_SLIDING_THEN_FULL},
    "qwen3_moe": {"num_experts": 4, "moe_intermediate_size": 16, **_EXPERTS},
    "gpt_oss": {"num_local_experts": 4, **_EXPERTS, **_SLIDING_THEN_FULL},
}


def random_policy(kind: str, **changes):
    """A policy with drawn weights of model_type `kind`, whose rows of padding are drawn like others."""
    config = CONFIG_MAPPING[kind](**_COMMON | ARCHITECTURES[kind] | changes)
    torch.manual_seed(0)
    policy = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    for name, parameter in policy.named_parameters():
        if name.endswith(("sinks", "bias")) or "norm" in name:
            torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.3)
    with torch.no_grad():  # ends are neither rare nor certain
        policy.get_output_embeddings().weight[[1, SECOND_END]] = 0.0
    policy.generation_config = GenerationConfig(eos_token_id=[1, SECOND_END], pad_token_id=1)
    return policy


def saved_policy(kind: str, folder: Path, **changes) -> str:
    """The folder of such a policy with the puzzle's tokenizer, whose padding is its end of turn."""
    path = folder / kind
    random_policy(kind, **changes).save_pretrained(path)
    tokenizer = load_tokenizer(BASE)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(path)
    return str(path)


def ragged(count: int = 6) -> list[list[int]]:
    """Prompts of several lengths, all longer than the sliding window."""
    task = load_task("puzzle")
    example = [
        {"role": "user", "content": "1 2 3 4 5 6 make 6"},
        {"role": "assistant", "content": "-1 =5 -2 =3 -3 =0"},
    ]
    question = "1 2 3 4 5 6 make 6"
    return [
        prompt_ids(TOKENIZER, first_messages(question, task, example * (i % 3)))
        for i in range(count)
    ]
