"""Train a policy from a policy by reinforcement learning: Stage I, Stage II, or a baseline of theirs.

    python -m score.launch --config configs/accelerate/cpu.yaml --processes 1 -m score.train \\
        --settings settings.json --init BASE --reference BASE --problems train.jsonl \\
        --policy policy --records training.jsonl --checkpoints checkpoints

Interrupted training goes on from the newest whole checkpoint and ends with the same weights. It is
refused where that checkpoint was made with other settings, problems, policies or processes.
"""

import argparse
import os
import shutil
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig

from score.checkpoints import (
    checkpoint_size,
    newest_whole_checkpoint,
    open_checkpoints,
    require_free_disk,
    sync_tree,
)
from score.config import SCoReConfig
from score.distributed import (
    allow_offload_without_compiler,
    join_launcher,
    leave_launcher,
    require_deepspeed,
)
from score.fingerprint import file_digest, policy_digest, prompts_digest
from score.interruption import StopOnSignal, leave_stopped
from score.offline_attempts import OfflineAttempts, read_offline_attempts
from score.policies import is_adapter, load_policy
from score.problems import read_problems, read_settings
from score.progress import ProgressLine, silence_trainer, write_records
from score.prompts import first_messages, load_tokenizer, prompt_ids, read_few_shot
from score.tasks import load_task
from score.tracking import PROJECT, continue_run, track
from score.trainer import SCoReTrainer
from score.training_settings import IDLE_SETTINGS, TrainSettings
from score.verifiers import Verifier
from score.writer_lock import sole_writer


def trainer_config(settings: TrainSettings, checkpoints: str) -> SCoReConfig:
    """The settings as a SCoReConfig for this number of processes; ValueError where it can't be."""
    on_cpu = not torch.cuda.is_available()
    folder = Path(checkpoints).parent
    return SCoReConfig(
        output_dir=checkpoints,
        objective=settings.objective,
        num_turns=settings.turns(),
        correction_prompt=load_task(settings.task_type).CORRECTION_PROMPT,
        num_generations=settings.number_output_initial_generations,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        max_completion_length=settings.max_tokens,
        per_device_train_batch_size=settings.per_device_train_batch_size,
        gradient_accumulation_steps=settings.accumulation(int(os.environ.get("WORLD_SIZE", 1))),
        local_rollout_forward_batch_size=settings.local_rollout_forward_batch_size,
        max_steps=settings.updates(),
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.lr_scheduler_type,
        warmup_steps=settings.num_warmup_steps,
        adam_beta2=settings.adam_beta2,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        init_kl_coef=settings.init_kl_coef,
        init_kl_target=settings.init_kl_target,
        corr_kl_coef=settings.corr_kl_coef,
        stage2_alpha=settings.stage2_alpha,
        offline_first_attempts=settings.offline_first_attempts,
        kl_estimator=settings.kl_estimator,
        scale_advantages=settings.scale_advantages,
        use_vllm=settings.rollout_backend == "vllm",
        vllm_mode="colocate" if settings.vllm_server_url is None else "server",
        vllm_server_base_url=settings.vllm_server_url,
        vllm_gpu_memory_utilization=settings.vllm_gpu_memory_utilization,
        importance_ratio_cap=settings.importance_ratio_cap,
        disable_dropout=settings.lora_dropout == 0,
        gradient_checkpointing=settings.gradient_checkpointing,
        bf16=settings.precision == "bfloat16",
        use_cpu=on_cpu,
        seed=settings.random_seed,
        save_steps=settings.save_steps,
        save_total_limit=2,
        cache_dir=settings.cache_dir,
        report_to=track(settings, folder),
        run_name=f"{settings.run_name}/{folder.name}",
        project=settings.wandb_project_name or PROJECT,
        disable_tqdm=True,
        log_level="warning",
    )


def made_with(settings: TrainSettings, flags: argparse.Namespace) -> dict:
    """All that the trained weights depend on."""
    kept = {key: value for key, value in asdict(settings).items() if key not in IDLE_SETTINGS}
    return {
        **kept,
        "init": policy_digest(flags.init, settings.cache_dir),
        "reference": policy_digest(flags.reference, settings.cache_dir),
        "problems": file_digest(flags.problems),
        "first_attempts": flags.first_attempts and file_digest(flags.first_attempts),
        "prompts": prompts_digest(flags.few_shot_dir, settings.task_type),
        "processes": int(os.environ.get("WORLD_SIZE", 1)),
    }


def make_dataset(settings: TrainSettings, flags: argparse.Namespace) -> Dataset:
    """Columns `problem_id`, `prompt` and `answer` of the training problems."""
    task = load_task(settings.task_type)
    few_shot = read_few_shot(flags.few_shot_dir, settings.task_type)
    return Dataset.from_list(
        [
            {
                "problem_id": problem.id,
                "prompt": first_messages(problem.question, task, few_shot),
                "answer": problem.answer,
            }
            for problem in read_problems(flags.problems)
        ]
    )


def new_adapter(settings: TrainSettings, init: str) -> LoraConfig | None:
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


def offline_attempts(settings: TrainSettings, flags: argparse.Namespace) -> OfflineAttempts | None:
    """What `offline_first_attempts` takes its share of; ValueError where the file doesn't fit."""
    share, path = settings.offline_first_attempts, flags.first_attempts
    if not share and path is None:
        return None
    if not share or path is None:
        raise ValueError(
            f"offline_first_attempts is {share} and --first-attempts {path}; expected a share above "
            "0 and a file, or neither. Give both: the file is what score.sample writes of the base "
            "policy on the training problems."
        )
    tokenizer = load_tokenizer(flags.init, settings.cache_dir)
    rows = make_dataset(settings, flags)
    prompts = {row["problem_id"]: prompt_ids(tokenizer, row["prompt"]) for row in rows}
    return OfflineAttempts(read_offline_attempts(path, prompts), share, settings.random_seed)


def train(settings: TrainSettings, flags: argparse.Namespace) -> None:
    """Run the training to its end and leave the policy at `flags.policy`."""
    try:
        first_attempts = offline_attempts(settings, flags)
    except ValueError as error:
        sys.exit(f"train: {error}")
    stop = StopOnSignal()
    args = trainer_config(settings, flags.checkpoints)  # first: it has ZeRO-3 shard what is loaded
    with Verifier.of(settings) as verifier:
        trainer = SCoReTrainer(
            model=load_policy(
                flags.init, settings.precision, settings.cache_dir, trainable=settings.use_lora
            ),
            args=args,
            train_dataset=make_dataset(settings, flags),
            verifier=verifier,
            reference=flags.reference,
            first_attempts=first_attempts,
            processing_class=load_tokenizer(flags.init, settings.cache_dir),
            peft_config=new_adapter(settings, flags.init),
            callbacks=[ProgressLine(settings.objective), stop],
        )
        silence_trainer(trainer)
        require_deepspeed(trainer.accelerator)
        allow_offload_without_compiler(trainer.accelerator)
        newest = newest_whole_checkpoint(flags.checkpoints)
        if trainer.accelerator.is_main_process:
            policy = trainer.accelerator.unwrap_model(trainer.model)
            require_free_disk(flags.checkpoints, checkpoint_size(policy))
            continue_run(trainer.args.report_to, flags.checkpoints, resumed=newest is not None)
        trainer.train(resume_from_checkpoint=newest)
        counts = ", ".join(f"{count} {verdict}" for verdict, count in verifier.counts.items())
        print(f"verifier of rank {trainer.accelerator.process_index}: {counts}", flush=True)
    if stop.stopped_early:
        leave_stopped()
    else:
        save_policy(trainer, settings, flags)


def save_policy(trainer: SCoReTrainer, settings: TrainSettings, flags: argparse.Namespace) -> None:
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


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.train", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--settings", required=True, help="JSON file of TrainSettings")
    parser.add_argument("--init", required=True, help="policy to start from: folder or hub name")
    parser.add_argument("--reference", required=True, help="the base policy, π_ref of the KL")
    parser.add_argument("--problems", required=True, help="JSON Lines of training problems")
    parser.add_argument("--first-attempts", help="parquet of score.sample: offline first attempts")
    parser.add_argument("--few-shot-dir", help="folder of worked examples")
    parser.add_argument("--policy", required=True, help="folder to write the trained policy to")
    parser.add_argument("--records", required=True, help="JSON Lines to write, one an update")
    parser.add_argument("--checkpoints", required=True, help="scratch folder, gone in the end")
    flags = parser.parse_args()
    join_launcher()
    first = os.environ.get("RANK", "0") == "0"
    with ExitStack() as held:
        try:
            settings = read_settings(flags.settings, TrainSettings)
            if first:
                held.enter_context(sole_writer(flags.checkpoints))
                open_checkpoints(flags.checkpoints, made_with(settings, flags))
        except (ValueError, RuntimeError) as error:
            sys.exit(f"train: {error}")
        train(settings, flags)
    leave_launcher()


if __name__ == "__main__":
    main()
