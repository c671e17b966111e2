"""What the training commands share around their trainers: start, refuse, resume, save.

`settings` is what a command's settings.json says, TrainSettings or FineTuneSettings; `flags` are its
paths: settings, init, policy, records, checkpoints.
"""

import argparse
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import fields
from pathlib import Path

import torch
from peft import LoraConfig

from score.files.atomic import remove_folder, replace_folder, written_to
from score.files.made_with import TRAINED_WITH, check_policy_settings, mark_policy
from score.jobs.command import Command, optional
from score.jobs.distributed import (
    allow_offload_without_compiler,
    is_first_process,
    join_launcher,
    leave_launcher,
    require_deepspeed,
)
from score.jobs.interruption import StopOnSignal, end_interrupted
from score.jobs.writer_lock import sole_writer
from score.policies.fitness import check_policy
from score.policies.load import is_adapter
from score.training.candidates import AlreadyTrained, Candidates, EndsOnce, write_policy
from score.training.checkpoints import (
    checkpoint_size,
    newest_whole_checkpoint,
    open_checkpoints,
    require_free_disk,
)
from score.training.live_records import LiveRecords
from score.training.records import note_records, silence_trainer, write_records
from score.training.settings import TrainerSettings
from score.training.tracking import PROJECT, continue_run, track
from score.training.whole_folders import write_manifest

# The flags that every training command has.
FLAGS = {
    "settings": "JSON file of the command's settings",
    "tuned": optional("JSON file of settings that win over those"),
    "init": "policy to start from: folder or hub name",
    "init_trained_with": TRAINED_WITH,
    "policy": "folder to write the trained policy to",
    "records": "JSON Lines to write, one an update",
    "checkpoints": "scratch folder, gone in the end",
}
# What the settings call by another name than the trainer's configuration.
RENAMED = {
    "num_warmup_steps": "warmup_steps",
    "random_seed": "seed",
    "number_output_initial_generations": "num_generations",
    "max_tokens": "max_completion_length",
    "vllm_server_url": "vllm_server_base_url",
}


def trainer_arguments(settings: TrainerSettings, kind: type, checkpoints: str) -> dict:
    """Arguments for a trainer's configuration of class `kind`, for this number of processes.

    A setting goes to the field of its name, or of the name in RENAMED; what the trainer has no field
    for is the command's own. ValueError where the processes can't share an update evenly.
    """
    folder = Path(checkpoints).parent
    known = {field.name for field in fields(kind)}
    values = {RENAMED.get(name, name): getattr(settings, name) for name in settings.names()}
    return {name: value for name, value in values.items() if name in known} | {
        "output_dir": checkpoints,
        "gradient_accumulation_steps": settings.accumulation(processes()),
        "bf16": settings.precision in ("bfloat16", "mixed"),
        "use_cpu": not torch.cuda.is_available(),
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


def new_adapter(settings: TrainerSettings, init: str) -> LoraConfig | None:
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


def train_on(trainer, checkpoints: str, total_tokens: int | None = None) -> None:
    """Train from the newest whole checkpoint, or from the start, to its end or a signal.

    A training that had ended, but had not saved its policy, is loaded and makes no update.
    total_tokens: the tokens whose sampling ends it, from which status tells the updates to come.
    """
    silence_trainer(trainer)
    trainer.add_callback(LiveRecords(checkpoints, total_tokens))
    if not any(isinstance(one, EndsOnce) for one in trainer.callback_handler.callbacks):
        trainer.add_callback(EndsOnce())
    require_deepspeed(trainer.accelerator)
    allow_offload_without_compiler(trainer.accelerator)
    newest = newest_whole_checkpoint(checkpoints)
    if trainer.accelerator.is_main_process:
        policy = trainer.accelerator.unwrap_model(trainer.model)
        require_free_disk(checkpoints, checkpoint_size(policy))
        continue_run(trainer.args.report_to, checkpoints, resumed=newest is not None)
    with suppress(AlreadyTrained):
        trainer.train(resume_from_checkpoint=newest)


def save_or_interrupt(
    trainer,
    stop: StopOnSignal,
    settings: TrainerSettings,
    flags: argparse.Namespace,
    candidates: Candidates | None = None,
) -> None:
    """Save what was trained, unless training was stopped before its end: then say so.

    candidates: what the policy is chosen among; None takes the last weights.
    """
    if stop.stopped_early:
        end_interrupted()
    else:
        settings.require_file()
        _save_policy(trainer, settings, flags, candidates)


def _save_policy(
    trainer, settings: TrainerSettings, flags: argparse.Namespace, candidates: Candidates | None
) -> None:
    """Save policy and records, each whole or not at all, and delete the checkpoints."""
    draft, main = Path(f"{flags.policy}.writing"), trainer.accelerator.is_main_process
    if main:
        shutil.rmtree(draft, ignore_errors=True)  # of a training that was killed, maybe another one
    trainer.accelerator.wait_for_everyone()
    step = candidates and candidates.chosen_step()
    with written_to(draft):
        if step is None:
            write_policy(trainer, draft)
            trainer.accelerator.wait_for_everyone()
            write_manifest(draft)
        elif main:
            candidates.copy(step, draft)
        if main:
            mark_policy(draft, settings)
    if main:
        replace_folder(draft, Path(flags.policy))
        chosen = candidates and (candidates.chosen()[0], settings.select_checkpoint)
        write_records(flags.records, trainer.state.log_history, settings.objective, chosen)
        note_records(flags.records, flags.policy)
        if candidates:
            candidates.leave(flags.policy)
            print(kept_line(candidates), flush=True)
    trainer.accelerator.wait_for_everyone()
    if trainer.accelerator.is_main_process:
        remove_folder(flags.checkpoints)


def kept_line(candidates: Candidates) -> str:
    """Which update's weights the policy holds, and why, in one line."""
    step, value = candidates.chosen()
    why = {
        "last": "the last",
        "training_reward": f"of the highest training reward, {value:.3f}",
        "validation": f"of the highest validation accuracy, {value:.3f}",
    }
    made = candidates.trainer.state.global_step
    return f"the policy is that of update {step} of {made}, {why[candidates.selection.by]}"


def run_job(
    command: Command,
    kind: type[TrainerSettings],
    flags: argparse.Namespace,
    provenance: Callable,
    train: Callable,
) -> None:
    """Run `train(settings, flags)` as the sole writer of its checkpoints.

    kind: the class of the settings. provenance(settings, flags): all that the trained weights depend
    on; asked of the first process alone. What is wrong with either ends the command in one line.
    """
    join_launcher()
    with ExitStack() as held:
        with command.errors(ValueError, RuntimeError):
            settings = kind.read(flags.settings, flags.tuned)
            check_policy_settings(flags.init, *flags.init_trained_with)
            for role in ("init", "reference"):
                if role in flags:
                    check_policy(
                        getattr(flags, role), settings.cache_dir, settings.trust_remote_code
                    )
            if is_first_process():
                held.enter_context(sole_writer(flags.checkpoints))
                open_checkpoints(flags.checkpoints, provenance(settings, flags))
        train(settings, flags)
    leave_launcher()
