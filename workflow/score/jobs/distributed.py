"""The processes that a launcher started together, and the DeepSpeed that they were launched with."""

import os
import warnings

import torch
from accelerate import Accelerator, PartialState
from transformers.utils import is_scipy_available
from transformers.utils.logging import disable_progress_bar

from score.files.errors import SiteError
from score.jobs.lifeline import end_with_parent
from score.jobs.start_up import without

# transformers remembers the answer, and would import it for half a second to detect objects in images.
with without("scipy"):
    is_scipy_available.cache_clear()  # asked before, as transformers was imported
    is_scipy_available()


def join_launcher() -> None:
    """Call first in every launched command, before it loads or starts anything."""
    end_with_parent()  # or ranks would go on writing after their launcher was killed
    disable_progress_bar()  # `score.jobs.progress` prints how far a job is
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")
    if _asked_for_deepspeed():
        _allow_deepspeed_without_compiler()


def is_first_process() -> bool:
    """Whether this is the only process or the first of those that were launched together."""
    return os.environ.get("RANK", "0") == "0"


def leave_launcher() -> None:
    """Call last in every launched command: waits for all ranks.

    A rank that ends while another still communicates with it can make the whole launch fail.
    """
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _asked_for_deepspeed() -> bool:
    return os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() in ("1", "true")


def _allow_deepspeed_without_compiler() -> None:
    """Let DeepSpeed run on a CPU without a compiler.

    On a CPU DeepSpeed compiles a shared-memory collective at first use, for 90 seconds and with a
    C++ compiler and ninja. Declared unavailable, it falls back to torch's own gloo collectives,
    which give the same numbers. GPUs are not affected: they communicate through NCCL.
    """
    import deepspeed.ops

    if not torch.cuda.is_available():
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def allow_offload_without_compiler(accelerator: Accelerator) -> None:
    """Call before training: without a GPU, offloaded optimizer state is stepped by torch's Adam.

    DeepSpeed would compile a fused Adam at first use, for minutes, which pays off on GPU nodes only.
    Both take the same steps.
    """
    plugin = accelerator.state.deepspeed_plugin
    if plugin is not None and not torch.cuda.is_available():
        plugin.deepspeed_config["zero_force_ds_cpu_optimizer"] = False


def inference_accelerator() -> Accelerator:
    """An Accelerator for sampling, with what a DeepSpeed config leaves open for the trainer filled in.

    RuntimeError where the launched processes do not find each other, or DeepSpeed is off.
    """
    os.environ["ACCELERATE_GRADIENT_ACCUMULATION_STEPS"] = "1"
    # Without cpu=True accelerate would take each of several ranks without a GPU for the only one.
    PartialState(cpu=not torch.cuda.is_available())
    accelerator = Accelerator()
    require_deepspeed(accelerator)
    launched = int(os.environ.get("WORLD_SIZE", 1))
    if accelerator.num_processes != launched:
        raise SiteError(
            f"{launched} processes were launched, but {accelerator.num_processes} found each other; "
            "expected all. Launch them with torchrun or accelerate."
        )
    return accelerator


def place_for_sampling(policy, accelerator: Accelerator):
    """The policy on this rank's device: sharded over the ranks under ZeRO-3, else whole."""
    plugin = accelerator.state.deepspeed_plugin
    zero = plugin.deepspeed_config["zero_optimization"] if plugin is not None else {"stage": 0}
    if zero["stage"] != 3:
        return policy.to(accelerator.device)
    import deepspeed

    config = {
        "train_micro_batch_size_per_gpu": 1,  # required, but not used
        "zero_optimization": zero,
        "bf16": {"enabled": policy.dtype == torch.bfloat16},
    }
    engine, *_ = deepspeed.initialize(model=policy, config=config)
    engine.eval()
    return engine.module


def require_deepspeed(accelerator: Accelerator) -> None:
    """RuntimeError where a launcher asked for DeepSpeed and accelerate silently left it off."""
    got = accelerator.distributed_type.value
    if _asked_for_deepspeed() and got != "DEEPSPEED":
        raise SiteError(
            f"accelerate was launched with a DeepSpeed config, but runs as {got}. Unset "
            "ACCELERATE_USE_CPU (it turns DeepSpeed off silently); on a machine without a GPU "
            "launch with configs/accelerate/cpu.yaml."
        )
