"""How long an update of Stage II takes, and TRL's GRPO beside it.

Policies have the shape of a Qwen2.5 and random weights in bfloat16; torch's AdamW keeps its states in
bfloat16 too (a real training has DeepSpeed keep float32 copies: 12 bytes a weight more). Prompts have
about 100 tokens. Random weights never end an attempt, so every turn is sampled up to its limit, as a
batch is whose longest attempt reaches it, and then each attempt is cut to a length drawn between a
quarter of the limit and the limit: what is scored and trained has rows of uneven length. Where
"ragged" is false nothing is cut. The tokenizer is the puzzle's, so decoding costs next to nothing.

One update is timed after a small one has warmed up. MFU counts 6 · N · tokens for forward and backward
and 2 · N · tokens for every other pass, over 989 · 10^12 operations a second (dense bfloat16 of an
H100 or H200). Tokens are those of the conversations, without padding.
"""

import random
import tempfile
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from datasets import Dataset
from transformers import AutoConfig, AutoModelForCausalLM, Qwen2Config

from score.gpu_check.measured import Measured, part_flags
from score.gpu_check.trainers import PUZZLE, Clock, UpdateClock, plain_settings
from score.policies.known_shapes import SHAPES as KNOWN_SHAPES
from score.policies.load import load_policy
from score.sampling.generate import HFGenerate
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task
from score.training import sampling
from score.training.config import SCoReConfig
from score.training.trainer import SCoReTrainer

PEAK = 989e12
K = 8


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


SHAPES = {
    "1.5B": AutoConfig.for_model(**KNOWN_SHAPES["Qwen2.5-1.5B"]),
    "0.5B": tied_qwen(896, 24, 14, 4864),
    "3B": tied_qwen(2048, 36, 16, 11008),
    "tiny": tied_qwen(64, 2, 4, 128, vocabulary=2048),
}


class RaggedGenerate(HFGenerate):
    """Times every turn, and cuts attempts to drawn lengths, each with its end-of-turn token."""

    def __init__(self, *arguments, clock: Clock, ragged: bool):
        super().__init__(*arguments)
        self.clock, self.ragged, self.turn = clock, ragged, 0
        self.lengths, self.tokens = random.Random(1), {}

    def __call__(self, prompts, seeds):
        self.turn += 1
        with self.clock.during(f"sampling, turn {self.turn}"):
            attempts = super().__call__(prompts, seeds)
        if self.ragged:
            most, end = self.config.max_new_tokens, self.config.eos_token_id[0]
            lengths = [self.lengths.randint(most // 4, most) for _ in attempts]
            attempts = [[*a[: n - 1], end] for a, n in zip(attempts, lengths, strict=True)]
        self.tokens[self.turn] = sum(map(len, prompts)) + sum(map(len, attempts))
        self.clock.seconds["sampled tokens"] += sum(map(len, attempts))
        return attempts


def random_policy(shape: str, folder: str, device: str) -> str:
    """A folder with random weights of that shape in bfloat16."""
    torch.manual_seed(0)
    with torch.device(device):
        policy = AutoModelForCausalLM.from_config(SHAPES[shape], dtype=torch.bfloat16)
    policy.save_pretrained(folder)
    return folder


def prompts(count: int, words: int = 90) -> Dataset:
    """Problems whose prompts are about `words` numbers of the puzzle's vocabulary."""
    drawn = random.Random(2)
    texts = [" ".join(str(drawn.randint(1, 19)) for _ in range(words)) for _ in range(count)]
    asked = [[{"role": "user", "content": text}] for text in texts]
    return Dataset.from_dict({"prompt": asked, "answer": ["0"] * count})


def shared(folder: str, device: str, rollouts: int, rows: int) -> dict:
    """Settings of both trainers."""
    return {
        **plain_settings(device),
        "output_dir": folder,
        "bf16": True,
        "num_generations": K,
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": rollouts // rows,
        "max_steps": 1,
        "learning_rate": 1e-5,
        "temperature": 1.0,
    }


def drawn_scores(texts: list[str], answers: list) -> list[float]:
    """Right or wrong by the throw of a coin: verifiers are timed elsewhere."""
    coin = random.Random(len(texts))
    return [float(coin.random() < 0.5) for _ in texts]


def stage_two(
    model: str, device: str, rollouts: int, rows: int, new: int, ragged: bool = True
) -> dict:
    """One update of Stage II on `rollouts`, `rows` at a time, `new` tokens an attempt."""
    clock, made = Clock(device), []

    def sampler(*arguments):
        made.append(RaggedGenerate(*arguments, clock=clock, ragged=ragged))
        return made[-1]

    trainer = SCoReTrainer(
        model=load_policy(model, "bfloat16"),
        args=SCoReConfig(
            **shared(f"{model}/score", device, rollouts, rows),
            objective="stage_two",
            max_completion_length=new,
            kl_estimator="k2",
            init_kl_coef=0.1,
            corr_kl_coef=0.1,
            scale_advantages=True,
            sampler_ratios=False,  # attempts are cut, and the other trainer has none either
            local_rollout_forward_batch_size=rollouts,
            correction_prompt=load_task("puzzle").CORRECTION_PROMPT,
        ),
        train_dataset=prompts(rollouts // K),
        verifier=drawn_scores,
        processing_class=load_tokenizer(PUZZLE),
        callbacks=[UpdateClock(clock)],
    )
    trained = _watch(trainer, clock)
    trainer._no_grad_logps = clock.timed("reference pass", trainer._no_grad_logps)
    _forget_peak(device)
    with patch.object(sampling, "HFGenerate", sampler):
        trainer.train()
    weights = sum(p.numel() for p in trainer.model.parameters())
    seconds = dict(clock.seconds)
    sampled = seconds.pop("sampled tokens")
    training = seconds["forward"] + seconds["backward"]
    passed = {f"sampling, turn {turn}": n for turn, n in made[0].tokens.items()}
    passed["reference pass"] = trained["tokens"]
    operations = 2 * weights * sum(passed.values()) + 6 * weights * trained["tokens"]
    result = {
        "weights": weights,
        "rollouts": rollouts,
        "rows_of_a_backward_pass": rows,
        "tokens_of_an_attempt_at_most": new,
        "ragged": ragged,
        "sampled_tokens": int(sampled),
        "conversation_tokens": trained["tokens"],
        "padding_share": 1 - trained["tokens"] / trained["cells"],
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "sampled_tokens_a_second": sampled / sum(_sampling(seconds).values()),
        "tokens_a_second_of_the_update": trained["tokens"] / seconds["update"],
        "mfu_forward_backward": 6 * weights * trained["tokens"] / training / PEAK,
        "mfu_reference_pass": 2 * weights * trained["tokens"] / seconds["reference pass"] / PEAK,
        "mfu_update": operations / seconds["update"] / PEAK,
        "peak_memory_gib": _peak(device),
    }
    trainer.accelerator.free_memory()
    return result


def grpo(model: str, device: str, rollouts: int, rows: int, new: int) -> dict:
    """One update of TRL's GRPOTrainer with as many tokens: one attempt of twice the length."""
    from trl import GRPOConfig, GRPOTrainer

    clock = Clock(device)

    def reward(completions, **kwargs):
        return drawn_scores(completions, [])

    trainer = GRPOTrainer(
        model=load_policy(model, "bfloat16"),
        reward_funcs=[reward],
        args=GRPOConfig(
            **shared(f"{model}/grpo", device, rollouts, rows),
            max_completion_length=2 * new,
            beta=0.04,
            top_k=0,
        ),
        train_dataset=prompts(rollouts // K),
        processing_class=load_tokenizer(PUZZLE),
        callbacks=[UpdateClock(clock)],
    )
    trained = _watch(trainer, clock, mask="completion_mask")
    trainer._generate_single_turn = clock.timed("sampling", trainer._generate_single_turn)
    _forget_peak(device)
    trainer.train()
    seconds = dict(clock.seconds)
    result = {
        "rollouts": rollouts,
        "rows_of_a_backward_pass": rows,
        "sampled_tokens": trained["tokens"],
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "peak_memory_gib": _peak(device),
    }
    trainer.accelerator.free_memory()
    return result


def _watch(trainer, clock: Clock, mask: str = "attention_mask") -> dict[str, int]:
    """Time the passes of training, and count their tokens and cells."""
    counted, compute_loss = {"tokens": 0, "cells": 0}, trainer._compute_loss

    def forward(model, inputs):
        counted["tokens"] += int(inputs[mask].sum())
        counted["cells"] += inputs[mask].numel()
        with clock.during("forward"):
            return compute_loss(model, inputs)

    trainer._compute_loss = forward
    trainer.accelerator.backward = clock.timed("backward", trainer.accelerator.backward)
    return counted


def _sampling(seconds: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in seconds.items() if name.startswith("sampling")}


def _forget_peak(device: str) -> None:
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def _peak(device: str) -> float | None:
    return round(torch.cuda.max_memory_allocated() / 2**30, 2) if device == "cuda" else None


def matrix_product(device: str, size: int) -> dict:
    """What the card does at best: products of square bfloat16 matrices of random numbers."""
    clock = Clock(device)
    one, other = (torch.randn(size, size, device=device).bfloat16() for _ in range(2))
    for _ in range(3):
        one @ other
    with clock.during("products"):
        for _ in range(10):
            one @ other
    return {"size": size, "tflop_a_second": 20 * size**3 / clock.seconds["products"] / 1e12}


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    measured, device = Measured(flags.output, flags.device, flags.seconds), flags.device
    shape, small, large, rows, new = "1.5B", 64, 512, 16, 256
    if flags.tiny:
        shape, small, large, rows, new = "tiny", 8, 16, 8, 8
    with tempfile.TemporaryDirectory() as folder:
        measured.take("matrix_product", partial(matrix_product, device, 64 if flags.tiny else 8192))
        model = random_policy(shape, str(Path(folder) / shape), device)
        measured.take("warm_up", partial(stage_two, model, device, 2 * rows, rows, 8))
        name, update = f"{shape}_{small}", partial(stage_two, model, device)
        uncut = partial(update, small, rows, new // 2, False)
        theirs = partial(grpo, model, device, small, rows, new // 2)
        needs = {size: 0 if flags.tiny else seconds for size, seconds in ((small, 25), (large, 45))}
        measured.take(name, partial(update, small, rows, new), needs[small])
        measured.take(f"{shape}_{large}", partial(update, large, rows, new), needs[large])
        # By turns, on half the tokens: the first of each warms up what the second is measured with.
        for turn in (1, 2):
            ours = measured.take(f"uncut_{turn}", uncut, needs[small])
            grpos = measured.take(f"grpo_{turn}", theirs, needs[small])
            if "seconds" in ours and "seconds" in grpos:
                ratio = ours["seconds"]["update"] / grpos["seconds"]["update"]
                measured.put(f"score_over_grpo_{turn}", {"seconds_of_an_update": ratio})
        for other, seconds in () if flags.tiny else (("0.5B", 30), ("3B", 60)):
            if measured.left() > seconds:
                model = random_policy(other, str(Path(folder) / other), device)
                update = partial(stage_two, model, device, small, rows, new)
                measured.take(f"{other}_{small}", update, seconds - 10)
    measured.finish()


if __name__ == "__main__":
    main()
