"""An update of Stage II as often as it is asked for, and one of TRL's GRPOTrainer beside it.

Both draw their tokens, score them under the reference, and run one forward and backward pass and one
step of AdamW; the verifier is the throw of a coin. An update of ours has two attempts and the message
between them, TRL's one attempt with as many tokens as both (`Lengths`), at the same sizes of
batches. The weights' precision follows the device: float32 on a CPU; bfloat16 on a GPU, AdamW's
states included (a real training has DeepSpeed keep float32 copies: 12 bytes a weight more).
"""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple
from unittest.mock import patch

import torch
import trl.kernels.chunked_logprob
import trl.trainer.utils
from transformers.trainer_callback import PrinterCallback
from trl import GRPOConfig, GRPOTrainer

from score.benchmarks.clock import Clock, Taken, UpdateClock
from score.benchmarks.lengths import Lengths, PlainGenerate, ProductGenerate, ending_at
from score.benchmarks.models import prompts
from score.policies.load import load_policy
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task
from score.training import sampling
from score.training.config import SCoReConfig
from score.training.trainer import SCoReTrainer

K = 8
# SCoReTrainer sets these for all of the process on a CPU; TRL is measured as it comes.
_OF_HEAD = {
    trl.trainer.utils: ("_CHUNKED_LOGPROB_CHUNK_SIZE", "_use_triton"),
    trl.kernels.chunked_logprob: ("_forward_tile", "_backward_tile"),
}


def _head() -> dict:
    """What the fused head of all trainers of this process works with now."""
    return {
        module: {name: getattr(module, name) for name in names}
        for module, names in _OF_HEAD.items()
    }


@contextmanager
def _with_head(head: dict) -> Iterator[None]:
    with ExitStack() as stack:
        for module, values in head.items():
            stack.enter_context(patch.multiple(module, **values))
        yield


_TRLS_HEAD = _head()


class Size(NamedTuple):
    """Of an update: rollouts, those of a backward pass, most tokens of an attempt, whether all attempts
    have as many, numbers in a prompt."""

    rollouts: int
    rows: int
    new: int
    equal: bool = True
    words: int = 90

    def lengths(self) -> Lengths:
        return Lengths(self.rollouts, self.new, self.equal)


def precision_on(device: str) -> str:
    return "bfloat16" if device == "cuda" else "float32"


def plain_settings(device: str) -> dict:
    """No files and no reports: what a measurement leaves is its numbers."""
    return {
        "use_cpu": device == "cpu",
        "bf16": False,
        "gradient_checkpointing": False,
        "disable_dropout": True,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "log_level": "error",
        "seed": 3,
    }


def drawn_scores(texts: list[str], answers: list) -> list[float]:
    """Right or wrong by the throw of a coin: verifiers are timed elsewhere."""
    coin = random.Random(len(texts))
    return [float(coin.random() < 0.5) for _ in texts]


class Update:
    """One update of a trainer, which begins anew with the same problems at every call.

    After a call: `sampled` tokens, and `tokens` and `cells` of the forward pass, without and with
    padding. A call gives the seconds by phase, and `seconds` and `cpu_seconds` of the update.
    """

    def __init__(self, trainer, clock: Clock, mask: str):
        self.trainer, self.clock, self.mask = trainer, clock, mask
        self.head = _head()
        self.tokens = self.cells = 0
        self._compute_loss = trainer._compute_loss
        trainer._compute_loss = self._forward
        trainer.accelerator.backward = clock.timed("backward", trainer.accelerator.backward)
        trainer.add_callback(UpdateClock(clock))
        trainer.remove_callback(PrinterCallback)

    def _forward(self, model, inputs):
        for mask in {self.mask, "prefix_mask"} & inputs.keys():
            tokens, packed = int(inputs[mask].sum()), "prefix_mask" in inputs
            self.tokens += tokens
            self.cells += tokens if packed else inputs[mask].numel()
        with self.clock.during("forward"):
            return self._compute_loss(model, inputs)

    def __call__(self) -> Taken:
        self.clock.seconds.clear()
        self.tokens = self.cells = 0
        with _with_head(self.head):
            self.trainer.train()
        self.sampled = self.tokens
        seconds = dict(self.clock.seconds)
        update, cpu = seconds.pop("update"), seconds.pop("update, CPU")
        return {**seconds, "seconds": update, "cpu_seconds": cpu}

    def close(self) -> None:
        self.trainer.accelerator.free_memory()


def _shared(folder: str, device: str, size: Size) -> dict:
    """Settings of both trainers."""
    return {
        **plain_settings(device),
        "output_dir": folder,
        "bf16": device == "cuda",
        "num_generations": K,
        "per_device_train_batch_size": size.rows,
        "gradient_accumulation_steps": size.rollouts // size.rows,
        "max_steps": 1,
        "learning_rate": 1e-6,
        "temperature": 1.0,
    }


class OurUpdate(Update):
    """One of Stage II. plain: with transformers' `generate` for each turn, and whole rows in passes;
    settings: those of SCoReConfig that differ from what a measured update has."""

    def __init__(
        self,
        model: str,
        device: str,
        size: Size,
        plain: bool = False,
        settings: dict | None = None,
    ):
        self.size, self.sampler = size, PlainGenerate if plain else ProductGenerate
        task = load_task("puzzle")
        trainer = SCoReTrainer(
            model=load_policy(model, precision_on(device)),
            args=SCoReConfig(
                **{
                    **_shared(f"{model}/score", device, size),
                    "objective": "stage_two",
                    "max_completion_length": size.new,
                    "kl_estimator": "k2",
                    "init_kl_coef": 0.1,
                    "corr_kl_coef": 0.1,
                    "scale_advantages": True,
                    "sampler_ratios": False,  # the other trainer has none either
                    "local_rollout_forward_batch_size": size.rollouts,
                    "correction_prompt": task.CORRECTION_PROMPT,
                    **(settings or {}),
                }
            ),
            train_dataset=prompts(size.rollouts // K, size.words, largest=9),
            verifier=drawn_scores,
            processing_class=load_tokenizer(model),
        )
        clock = Clock(device)
        super().__init__(trainer, clock, mask="attention_mask")
        trainer._no_grad_logps = clock.timed("reference pass", trainer._no_grad_logps)
        if plain:
            trainer._shares_prefixes = False

    def __call__(self) -> Taken:
        made = []

        def sampler(*arguments):
            made.append(self.sampler(*arguments))
            made[-1].prepare(self.clock, self.size.lengths())
            return made[-1]

        with patch.object(sampling, "HFGenerate", sampler):
            taken = super().__call__()
        self.sampled = sum(one.sampled for one in made)
        return taken

    def conversation_tokens(self) -> int:
        """Of all rollouts, each with its prompt."""
        prompts = map(self.trainer.rendered, self.trainer.train_dataset["prompt"])
        between = len(self.trainer.bridge.after([min(self.trainer.stop_ids)]))
        return K * sum(map(len, prompts)) + self.size.rollouts * between + self.sampled


class TRLUpdate(Update):
    """One of TRL's GRPOTrainer, with a reference pass; attempts have the tokens of both of ours."""

    def __init__(self, model: str, device: str, size: Size):
        clock = Clock(device)
        with _with_head(_TRLS_HEAD):
            trainer = GRPOTrainer(
                model=load_policy(model, precision_on(device)),
                reward_funcs=[lambda completions, **_: drawn_scores(completions, [])],
                args=GRPOConfig(
                    **_shared(f"{model}/grpo", device, size),
                    max_completion_length=2 * size.new,
                    beta=0.04,
                    top_k=0,
                ),
                train_dataset=prompts(size.rollouts // K, size.words, largest=9),
                processing_class=load_tokenizer(model),
            )
            super().__init__(trainer, clock, mask="completion_mask")
        trainer._generate_single_turn = clock.timed("sampling", trainer._generate_single_turn)
        stop, lengths = trainer.eos_token_ids, size.lengths().of_both()
        trainer.model.generate = _ending(trainer.model.generate, lengths, stop)


def _ending(generate: Callable, lengths: list[int], stop: list[int]) -> Callable:
    def generated(*arguments, **named):
        processors = ending_at(lengths, stop, stop[0])
        return generate(*arguments, logits_processor=processors, **named)

    return generated


def updates(model: str, device: str, size: Size, names: list[str]) -> dict[str, Update]:
    """Updates by name: "score", "trl", "plain"."""
    kinds = {"score": OurUpdate, "trl": TRLUpdate, "plain": partial(OurUpdate, plain=True)}
    return {name: kinds[name](model, device, size) for name in names}


def forget_peak(device: str) -> None:
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def peak_gib(device: str) -> float | None:
    return round(torch.cuda.max_memory_allocated() / 2**30, 2) if device == "cuda" else None
