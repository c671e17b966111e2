"""What the launcher gave this process, checked: DeepSpeed that is silently off is an error here."""

import ctypes
import os
import signal
import sys

import torch
from accelerate import Accelerator, PartialState


def join_launcher() -> None:
    """Call first in every launched command: settles what must be so before anything starts."""
    _end_with_parent()
    _allow_deepspeed_without_compiler()


def _end_with_parent() -> None:
    """A launcher that is killed takes its ranks along: none goes on unseen as a second writer."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _allow_deepspeed_without_compiler() -> None:
    """Let DeepSpeed run on a CPU without a compiler.

    On a CPU DeepSpeed compiles a shared-memory collective at first use, for 90 seconds and with a
    C++ compiler and ninja. Declared unavailable, it falls back to torch's own gloo collectives,
    which give the same numbers. GPUs are not affected: they communicate through NCCL.
    """
    import deepspeed.ops

    if not torch.cuda.is_available():
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def inference_accelerator() -> Accelerator:
    """An Accelerator for sampling: what a DeepSpeed config leaves to the trainer is settled here."""
    os.environ["ACCELERATE_GRADIENT_ACCUMULATION_STEPS"] = "1"
    if not torch.cuda.is_available():
        PartialState(cpu=True)  # else every rank on a CPU believes itself the only one
    accelerator = Accelerator()
    require_deepspeed(accelerator)
    launched = int(os.environ.get("WORLD_SIZE", 1))
    if accelerator.num_processes != launched:
        raise RuntimeError(
            f"{launched} processes were launched, but {accelerator.num_processes} found each other; "
            "expected all. Launch them with torchrun or accelerate."
        )
    return accelerator


def place_for_sampling(policy, accelerator: Accelerator):
    """The policy on this rank's device: sharded over the ranks under ZeRO-3, else whole."""
    if accelerator.distributed_type.value != "DEEPSPEED":
        return policy.to(accelerator.device)
    import deepspeed

    asked = accelerator.state.deepspeed_plugin.deepspeed_config["zero_optimization"]
    config = {
        "train_micro_batch_size_per_gpu": 1,  # asked for, not used
        "zero_optimization": asked if asked["stage"] == 3 else {"stage": 0},
        "bf16": {"enabled": policy.dtype == torch.bfloat16},
    }
    engine, *_ = deepspeed.initialize(model=policy, config=config)
    engine.eval()
    return engine.module


def require_deepspeed(accelerator: Accelerator) -> None:
    """Raise RuntimeError unless `accelerator` really runs under the DeepSpeed it was asked for."""
    asked = os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() in ("1", "true")
    got = accelerator.distributed_type.value
    if asked and got != "DEEPSPEED":
        raise RuntimeError(
            f"accelerate was launched with a DeepSpeed config, but runs as {got}. Unset "
            "ACCELERATE_USE_CPU (it turns DeepSpeed off without a word); on a machine without a GPU "
            "launch with configs/accelerate/cpu.yaml."
        )
