"""Is training on this device right: against the CPU, against itself, and against DeepSpeed.

The shipped puzzle policy (170,000 weights) serves for all but the second measurement. "Relative
difference" of two tensors is the norm of their difference over the norm of the second.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import load_file

from score.benchmarks.machine import exact_float32
from score.benchmarks.measured import Measured, part_flags
from score.files.places import REPOSITORY
from score.gpu_check.sampler_gap import model_gap, puzzle_gap
from score.gpu_check.trainers import (
    on,
    puzzle_trainer,
)
from score.sampling.draws import turn_seeds
from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.prompts import prompt_ids
from score.sampling.rollout import Rollout, sample_rollouts
from score.training.batches import pad_rollouts, token_logps
from score.training.loss import policy_loss

KL_WEIGHTS = [0.5, 0.1]


def difference(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    """Relative difference of all tensors together, in float64 on the CPU."""
    pairs = [(a.double().cpu(), b.double().cpu()) for a, b in zip(one, other, strict=True)]
    apart = sum((a - b).square().sum() for a, b in pairs)
    return float((apart / sum(b.square().sum() for _, b in pairs)).sqrt())


def largest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> dict:
    """The largest difference of two policies' weights, alone and over the largest weight."""
    apart = max(float((one[name].cpu() - p.cpu()).abs().max()) for name, p in other.items())
    size = max(float(p.abs().max()) for p in other.values())
    return {
        "largest_difference": apart,
        "over_the_largest_weight": apart / size,
        "relative_difference": difference(list(one.values()), [other[n] for n in one]),
    }


def weights(trainer) -> dict[str, torch.Tensor]:
    policy = trainer.accelerator.unwrap_model(trainer.model)
    return {name: p.detach().cpu().clone() for name, p in policy.named_parameters()}


# ---------------------------------------------------------------- log-probabilities, loss, gradient
def example(trainer, rows: int) -> dict[str, torch.Tensor]:
    """A batch of sampled rollouts with drawn advantages and a reference that is drawn nearby."""
    prompts = [row["prompt"] for row in trainer.train_dataset][:rows]
    batch = pad_rollouts(trainer._sample(prompts, None), trainer._tokenizer.pad_token_id)
    generator = torch.Generator().manual_seed(1)
    batch["advantages"] = torch.randn(rows, 2, generator=generator)
    logps = trainer._no_grad_logps(on(batch, trainer.accelerator.device), reference=False).cpu()
    noise = torch.randn(logps.shape, generator=generator)
    batch["ref_logps"] = logps + 0.1 * noise.masked_fill(batch["turn"] == 0, 0)
    return batch


def gradient(policy, batches: list[dict[str, torch.Tensor]]) -> tuple:
    """Loss, token log-probabilities and gradient of batches that are accumulated."""
    policy.zero_grad()
    losses, found = [], []
    for batch in batches:
        logps, _ = token_logps(policy, batch)
        loss = policy_loss(
            logps,
            batch["turn"],
            batch["advantages"],
            ref_logps=batch["ref_logps"],
            kl_weights=KL_WEIGHTS,
        )
        (loss / len(batches)).backward()
        losses.append(loss.detach() / len(batches))
        found.append(logps.detach())
    gradients = [p.grad.detach().clone() for p in policy.parameters()]
    policy.zero_grad()
    return torch.stack(losses).sum(), found, gradients


def against_cpu(folder: str, device: str, rows: int) -> dict:
    """The same weights and batch here and on the CPU, all in float32."""
    trainer = puzzle_trainer(folder, device)
    policy = trainer.accelerator.unwrap_model(trainer.model).eval()
    batch = example(trainer, rows)
    loss, logps, gradients = gradient(policy, [on(batch, trainer.accelerator.device)])
    loss, logps = loss.cpu(), [values.cpu() for values in logps]
    gradients = [values.cpu() for values in gradients]
    expected = gradient(policy.cpu(), [batch])
    exactly = gradient(policy.double(), [_in_float64(batch)])
    return {
        "target": 1e-5,
        "loss": difference([loss], [expected[0]]),
        "token_log_probabilities": difference(logps, expected[1]),
        "gradient": difference(gradients, expected[2]),
        "gradient_to_float64": difference(gradients, exactly[2]),
        "gradient_of_cpu_to_float64": difference(expected[2], exactly[2]),
    }


def _in_float64(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {n: v.double() if v.is_floating_point() else v for n, v in batch.items()}


def invariance(folder: str, device: str, rows: int) -> dict:
    """The gradient of one batch against that of its rows one by one, and of wider padding."""
    trainer = puzzle_trainer(folder, device)
    policy = trainer.accelerator.unwrap_model(trainer.model).eval()
    batch = on(example(trainer, rows), trainer.accelerator.device)
    at_once = gradient(policy, [batch])
    one_by_one = [{n: v[i : i + 1] for n, v in batch.items()} for i in range(rows)]
    wider = {
        name: torch.nn.functional.pad(v, (0, 64)) if name != "advantages" else v
        for name, v in batch.items()
    }
    return {
        "accumulated_row_by_row": difference(gradient(policy, one_by_one)[2], at_once[2]),
        "padded_by_64_columns": difference(gradient(policy, [wider])[2], at_once[2]),
    }


# -------------------------------------------------------------------------- the same again, resumed
def same_tokens(folder: str, device: str, rows: int) -> dict:
    """Share of rollouts that are the same tokens when they are sampled again from the same seeds."""
    trainer = puzzle_trainer(folder, device)
    policy = trainer.accelerator.unwrap_model(trainer.model)
    prompts = [prompt_ids(trainer._tokenizer, row["prompt"]) for row in trainer.train_dataset]
    seeds = [turn_seeds(0, str(i), 0, 2) for i in range(rows)]
    config = sampling_config(10, 1.0, trainer.stop_ids, trainer._tokenizer.pad_token_id)

    def sampled(seeds, batch: int = rows) -> list[Rollout]:
        torch.manual_seed(7)
        generate = HFGenerate(policy, config, batch)
        return sample_rollouts(prompts[:rows], trainer.bridge, generate, trainer.stop_ids, 2, seeds)

    def share(one: list[Rollout], other: list[Rollout]) -> float:
        return sum(a == b for a, b in zip(one, other, strict=True)) / rows

    first = sampled(seeds)
    return {
        "rollouts": rows,
        "same_with_seeds": share(first, sampled(seeds)),
        "same_from_torchs_generator": share(sampled(None), sampled(None)),
        "same_with_seeds_in_other_batches": share(first, sampled(seeds, max(1, rows // 4))),
    }


def resumed(folder: str, device: str) -> dict:
    """Six updates at once against six that are broken off after three.

    With deterministic kernels alone; where an operation has none, with what torch then takes for it.
    """
    refused = None
    try:
        torch.use_deterministic_algorithms(True)
        found = _resumed(folder, device)
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        refused = str(error).partition(".")[0]
        torch.use_deterministic_algorithms(True, warn_only=True)
        found = _resumed(folder, device)
    finally:
        torch.use_deterministic_algorithms(True, warn_only=True)
    return {**found, "refused": refused}


def _resumed(folder: str, device: str) -> dict:
    saving = {"max_steps": 6, "save_strategy": "steps", "save_steps": 3}
    whole = puzzle_trainer(folder, device, **saving)
    whole.train()
    again = puzzle_trainer(folder, device, **saving)
    again.train(resume_from_checkpoint=str(Path(folder) / "checkpoint-3"))
    one, other = weights(again), weights(whole)
    equal = all(torch.equal(one[name], other[name]) for name in one)
    return {"updates": 6, "bit_for_bit": equal, **largest(one, other)}


def adapter(folder: str, device: str) -> dict:
    """Two updates of an adapter: finite losses, and a KL that starts at exactly 0."""
    lora = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    trainer = puzzle_trainer(folder, device, peft_config=lora, max_steps=2, warmup_steps=0)
    trainer.train()
    records = [r for r in trainer.state.log_history if "kl_t1" in r]
    names = ("loss", "grad_norm", "kl_t1", "kl_t2", "reward_t1", "reward_t2")
    found = [{name: record[name] for name in names} for record in records]
    finite = all(abs(record[n]) < float("inf") for record in found for n in names)
    at_start = found[0]["kl_t1"] == found[0]["kl_t2"] == 0.0
    return {"kl_at_step_0_is_0": at_start, "finite": finite, "records": found}


# --------------------------------------------------------------------------------------- DeepSpeed
class LaunchedZero2:
    """Three updates under ZeRO-2, in a process that runs beside the other measurements."""

    def __init__(self, folder: str, device: str):
        self.device, self.output = device, Path(folder) / "zero2.safetensors"
        self.log = Path(folder) / "zero2.log"
        self.started = None
        if find_spec("deepspeed") is None:
            return
        config = REPOSITORY / "configs" / "accelerate" / "zero2.yaml"
        command = [sys.executable, "-m", "score.jobs.launch", "--config", str(config)]
        command += ["--processes", "1", "-m", "score.gpu_check.launched", str(self.output), device]
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
        with self.log.open("wb") as log:
            self.started = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **hidden}
            )

    def against_plain(self, folder: str, seconds: float) -> dict:
        """Their weights against those of three updates without DeepSpeed."""
        if self.started is None:
            raise ModuleNotFoundError("deepspeed is not installed; this measurement needs it.")
        plain = puzzle_trainer(folder, self.device)
        plain.train()
        try:
            status = self.started.wait(max(seconds, 1))
        except subprocess.TimeoutExpired:
            self.started.terminate()
            raise RuntimeError(f"ZeRO-2 did not end in time. {self._tail()}") from None
        if status:
            raise RuntimeError(f"ZeRO-2 ended with status {status}. {self._tail()}")
        return {"updates": 3, **largest(load_file(self.output), weights(plain))}

    def _tail(self) -> str:
        text = self.log.read_text(errors="replace")
        print(text[-6000:], flush=True)
        return f"The end of its output: {text.strip()[-200:]}"


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    exact_float32()
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    measured, device = Measured(flags.output, flags.device, flags.seconds), flags.device
    rows = 8 if flags.tiny else 32

    with tempfile.TemporaryDirectory() as folder:
        launched = LaunchedZero2(folder, device)

        def take(name: str, measure: Callable[..., dict], *arguments, needs: float = 0.0) -> None:
            inner = str(Path(folder) / name)
            measured.take(name, lambda: measure(inner, *arguments), needs)

        take("float32_against_cpu", against_cpu, device, rows)
        take("invariance_of_gradient", invariance, device, 8)
        take("resumed_training", resumed, device)
        take("same_seed_same_tokens", same_tokens, device, rows)
        take("sampler_gap_puzzle_bfloat16", puzzle_gap, device, rows)
        take("adapter", adapter, device)
        for precision in ("bfloat16", "mixed", "float32"):
            name = f"sampler_gap_{'model' if flags.model else 'puzzle'}_{precision}"
            if flags.model:
                take(name, model_gap, device, flags.model, precision, rows, needs=10)
        take(
            "zero2_against_plain", lambda inner: launched.against_plain(inner, measured.left() - 2)
        )
    measured.finish()


if __name__ == "__main__":
    main()
