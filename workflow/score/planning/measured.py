"""Updates of Stage II that are measured on one thread of this CPU, for score.planning.check.

The device itself is measured apart: operations a second by a product of matrices, bandwidth by a copy.
Times are those of the processor, so that other processes count less; memory is the most that was
resident at once, over what was before the policy was made.
"""

import ctypes
import random
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import torch
from datasets import Dataset
from transformers import AutoConfig, AutoModelForCausalLM, PrinterCallback, TrainerCallback

from score.files.places import REPOSITORY
from score.sampling.generate import HFGenerate
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task
from score.training import sampling
from score.training.config import SCoReConfig
from score.training.trainer import SCoReTrainer

_PUZZLE = str(REPOSITORY / "data/puzzle/policy")
K, ROLLOUTS, ROWS = 8, 16, 16


class Seconds(TrainerCallback):
    """Processor seconds by phase of the update under way; a new update begins a new dictionary."""

    def __init__(self):
        self.updates: list[dict[str, float]] = []
        self.tokens: dict[str, int] = {}

    def timed(self, phase: str, call):
        def timed(*arguments, **named):
            start = time.process_time()
            result = call(*arguments, **named)
            spent = self.updates[-1]
            spent[phase] = spent.get(phase, 0.0) + time.process_time() - start
            return result

        return timed

    def on_step_begin(self, args, state, control, **kwargs):
        self.updates.append({})

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        self.began = time.process_time()

    def on_optimizer_step(self, args, state, control, **kwargs):
        self.updates[-1]["optimizer"] = time.process_time() - self.began


def operations_a_second(size: int = 1024, times: int = 8) -> float:
    """Of products of square float32 matrices."""
    one, other = torch.randn(size, size), torch.randn(size, size)
    one @ other
    start = time.process_time()
    for _ in range(times):
        one @ other
    return 2 * times * size**3 / (time.process_time() - start)


def bytes_a_second(size: int = 2**26, times: int = 4) -> float:
    """Read and written by copies that do not fit the caches."""
    one, other = torch.ones(size // 4), torch.empty(size // 4)
    other.copy_(one)
    start = time.process_time()
    for _ in range(times):
        other.copy_(one)
    return 2 * times * size / (time.process_time() - start)


def free_at_once() -> None:
    """Let this process give freed memory back to the system, so that what is resident is what is used.

    glibc keeps blocks of some megabytes otherwise. It costs time, so times are measured without.
    """
    libc = ctypes.CDLL(None)
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    libc.mallopt(mmap_threshold, 2**16)
    libc.mallopt(trim_threshold, 2**16)
    libc.malloc_trim(0)


def prompts(words: int) -> Dataset:
    """Problems whose prompts are about so many tokens of the puzzle's tokenizer."""
    drawn = random.Random(2)
    texts = [
        " ".join(str(drawn.randint(1, 19)) for _ in range(words)) for _ in range(ROLLOUTS // K)
    ]
    asked = [[{"role": "user", "content": text}] for text in texts]
    return Dataset.from_dict({"prompt": asked, "answer": ["0"] * len(texts)})


def coins(texts: list[str], answers: list) -> list[float]:
    drawn = random.Random(len(texts))
    return [float(drawn.random() < 0.5) for _ in texts]


def measure(config: dict, new: int, words: int, updates: int, checkpointing: bool) -> dict:
    """The fastest of a few updates of a policy with random weights: seconds by phase, bytes, lengths."""
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the most that was resident is counted from here
    torch.manual_seed(0)
    clock = Seconds()
    with tempfile.TemporaryDirectory() as folder:
        policy = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
        policy.save_pretrained(folder)
        trainer = _trainer(policy, folder, new, words, updates, checkpointing, clock)
        trainer.remove_callback(PrinterCallback)
        lengths = _watch(trainer, clock)
        called = HFGenerate.__call__
        with patch.object(sampling.HFGenerate, "__call__", _of(clock.timed("sampling", called))):
            trainer.train()
    taken = [{**update} for update in clock.updates[1:]]  # the first warms up
    seconds = {phase: min(update[phase] for update in taken) for phase in taken[0]}
    return {"seconds": seconds, "bytes": _resident("VmHWM") - before, **lengths}


def _of(call):
    def method(self, *arguments):
        return call(self, *arguments)

    return method


def _trainer(policy, folder, new, words, updates, checkpointing, clock) -> SCoReTrainer:
    policy.config._name_or_path = folder
    arguments = SCoReConfig(
        output_dir=f"{folder}/out",
        objective="stage_two",
        num_generations=K,
        per_device_train_batch_size=ROWS,
        gradient_accumulation_steps=ROLLOUTS // ROWS,
        local_rollout_forward_batch_size=ROLLOUTS,
        max_completion_length=new,
        max_steps=updates,
        learning_rate=1e-5,
        init_kl_coef=0.1,
        corr_kl_coef=0.1,
        correction_prompt=load_task("puzzle").CORRECTION_PROMPT,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=checkpointing,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        log_level="error",
    )
    return SCoReTrainer(
        model=policy,
        args=arguments,
        train_dataset=prompts(words),
        verifier=coins,
        processing_class=load_tokenizer(_PUZZLE),
        callbacks=[clock],
    )


def _watch(trainer: SCoReTrainer, clock: Seconds) -> dict[str, float]:
    """Time the passes of an update; lengths of a row are there when they have been run."""
    lengths, compute_loss = {}, trainer._compute_loss

    def forward(model, inputs):
        prefix = int(inputs["prefix_mask"][0].sum()) if "prefix_mask" in inputs else 0
        rows = len(inputs["turn"])
        lengths["tokens"] = prefix + int(inputs["attention_mask"].sum()) / rows
        lengths["trained"] = int((inputs["turn"] > 0).sum()) / rows
        lengths["prompt"] = float(prefix or _first_trained(inputs["turn"]))
        return compute_loss(model, inputs)

    trainer._compute_loss = clock.timed("training", forward)
    trainer.accelerator.backward = clock.timed("training", trainer.accelerator.backward)
    trainer._no_grad_logps = clock.timed("scoring", trainer._no_grad_logps)
    return lengths


def _first_trained(turn: torch.Tensor) -> int:
    return int((turn[0] > 0).int().argmax())


def _resident(kind: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(kind))
