"""What the training commands share around their trainers: start, refuse, go on, save.

`settings` is what a command's settings.json says, TrainSettings or FineTuneSettings; `flags` are its
paths: settings, init, policy, records, checkpoints.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import torch
from peft import LoraConfig

from score.files import read_settings, sync_tree
from score.jobs.distributed import (
    allow_offload_without_compiler,
    join_launcher,
    leave_launcher,
    require_deepspeed,
)
from score.jobs.interruption import StopOnSignal, leave_stopped
from score.jobs.writer_lock import sole_writer
from score.policies.load import is_adapter
from score.training.checkpoints import (
    checkpoint_size,
    newest_whole_checkpoint,
    open_checkpoints,
    require_free_disk,
)
from score.training.records import silence_trainer, write_records
from score.training.tracking import PROJECT, continue_run, track


def shared_arguments(settings, checkpoints: str) -> dict:
    """The trainer's arguments that every training has, for this number of processes.

    ValueError where the processes can't share an update evenly.
    """
    folder = Path(checkpoints).parent
    return {
        "output_dir": checkpoints,
        "per_device_train_batch_size": settings.per_device_train_batch_size,
        "gradient_accumulation_steps": settings.accumulation(processes()),
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.lr_scheduler_type,
        "warmup_steps": settings.num_warmup_steps,
        "adam_beta2": settings.adam_beta2,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "bf16": settings.precision == "bfloat16",
        "use_cpu": not torch.cuda.is_available(),
        "seed": settings.random_seed,
        "save_steps": settings.save_steps,
        "save_total_limit": 2,
        "report_to": track(settings, folder),
        "run_name": curve_name(settings.run_name, folder),
        "project": settings.wandb_project_name or PROJECT,
        "disable_tqdm": True,
        "log_level": "warning",
    }


def processes() -> int:
    """How many processes were launched."""
    return int(os.environ.get("WORLD_SIZE", 1))


def curve_name(run_name: str, folder: Path) -> str:
    """What trackers call a training: its run, and where in the run's results its folder lies."""
    _, found, below = f"{folder.as_posix()}".rpartition(f"/{run_name}/")
    return f"{run_name}/{below if found else folder.name}"


def new_adapter(settings, init: str) -> LoraConfig | None:
    """A fresh adapter where one is wanted and `init` does not bring its own."""
    if not settings.use_lora or is_adapter(init):
        return None
    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def train_on(trainer, checkpoints: str) -> None:
    """Train from the newest whole checkpoint, or from the start, until done or told to stop."""
    silence_trainer(trainer)
    require_deepspeed(trainer.accelerator)
    allow_offload_without_compiler(trainer.accelerator)
    newest = newest_whole_checkpoint(checkpoints)
    if trainer.accelerator.is_main_process:
        policy = trainer.accelerator.unwrap_model(trainer.model)
        require_free_disk(checkpoints, checkpoint_size(policy))
        continue_run(trainer.args.report_to, checkpoints, resumed=newest is not None)
    trainer.train(resume_from_checkpoint=newest)


def leave_policy(trainer, stop: StopOnSignal, settings, flags: argparse.Namespace) -> None:
    """Save what was trained, unless training was stopped before its end: then say so."""
    if stop.stopped_early:
        leave_stopped()
    else:
        _save_policy(trainer, settings, flags)


def _save_policy(trainer, settings, flags: argparse.Namespace) -> None:
    """Leave policy and records, each whole or not at all, and take the checkpoints away."""
    draft = Path(f"{flags.policy}.writing")
    trainer.save_model(str(draft))
    if trainer.accelerator.is_main_process:
        trainer.processing_class.save_pretrained(draft)
        sync_tree(draft)
        shutil.rmtree(flags.policy, ignore_errors=True)
        draft.rename(flags.policy)
        write_records(flags.records, trainer.state.log_history, settings.objective)
    trainer.accelerator.wait_for_everyone()
    if trainer.accelerator.is_main_process:
        shutil.rmtree(flags.checkpoints)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that every training command has."""
    parser.add_argument("--settings", required=True, help="JSON file of the command's settings")
    parser.add_argument("--tuned", help="JSON file of settings that win over those")
    parser.add_argument("--init", required=True, help="policy to start from: folder or hub name")
    parser.add_argument("--policy", required=True, help="folder to write the trained policy to")
    parser.add_argument("--records", required=True, help="JSON Lines to write, one an update")
    parser.add_argument("--checkpoints", required=True, help="scratch folder, gone in the end")


def run_job(
    command: str, kind: type, flags: argparse.Namespace, made_with: Callable, train: Callable
) -> None:
    """Run `train(settings, flags)` as the sole writer of its checkpoints.

    kind: the dataclass of the settings. made_with(settings, flags): all that the trained weights
    depend on; asked of the first process alone. What is wrong with either ends the command in one
    line.
    """
    join_launcher()
    first = os.environ.get("RANK", "0") == "0"
    with ExitStack() as held:
        try:
            settings = read_settings(flags.settings, kind, flags.tuned)
            if first:
                held.enter_context(sole_writer(flags.checkpoints))
                open_checkpoints(flags.checkpoints, made_with(settings, flags))
        except (ValueError, RuntimeError) as error:
            sys.exit(f"{command}: {error}")
        train(settings, flags)
    leave_launcher()
