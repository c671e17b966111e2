"""Train a policy from a policy by reinforcement learning: Stage I, Stage II, or a baseline of theirs.

    python -m score.jobs.launch --config configs/accelerate/cpu.yaml --processes 1 \\
        -m score.training.train --settings settings.json --init BASE --reference BASE \\
        --problems train.jsonl --policy policy --records training.jsonl --checkpoints checkpoints

Interrupted training goes on from the newest whole checkpoint and ends with the same weights. It is
refused where that checkpoint was made with other settings, problems, policies or processes.
"""

import argparse
import sys
from pathlib import Path

from datasets import Dataset

from score.files.digests import file_digest
from score.jobs.command import Command, optional
from score.jobs.distributed import is_first_process, leave_launcher
from score.jobs.interruption import StopOnSignal
from score.policies.load import load_asked, policy_digest, vocabulary_size
from score.problems.problem import read_problems
from score.sampling.few_shot import read_few_shot
from score.sampling.prompt_settings import BETWEEN, task_of
from score.sampling.prompts import (
    Bridge,
    correction_prompts,
    first_messages,
    prompt_ids,
    prompts_digest,
    system_prompt_of,
)
from score.sampling.tokenizers import asking_tokenizer, check_tags_are_text
from score.training.candidates import Candidates, EndsOnce
from score.training.config import SCoReConfig
from score.training.health import NothingToLearn
from score.training.job import (
    FLAGS,
    new_adapter,
    processes,
    run_job,
    save_or_interrupt,
    train_on,
    trainer_arguments,
)
from score.training.longest_row import check_budget, longest_row
from score.training.methods import METHODS
from score.training.offline_attempts import OfflineAttempts, read_offline_attempts
from score.training.records import ProgressLine
from score.training.second_opinions import Disagreements
from score.training.selection import Selection
from score.training.settings import TrainSettings
from score.training.shown_rollouts import ShowsRollouts
from score.training.trainer import SCoReTrainer
from score.training.validation import Validation
from score.verifiers.verifier import Verifier

COMMAND = Command(__spec__, __doc__)


def trainer_config(settings: TrainSettings, checkpoints: str) -> SCoReConfig:
    """The settings as a SCoReConfig for this number of processes; ValueError where it can't be."""
    arguments = trainer_arguments(settings, SCoReConfig, checkpoints)
    prompting = METHODS[settings.objective].prompting
    messages = correction_prompts(task_of(settings), prompting)
    arguments |= zip(BETWEEN[prompting], messages, strict=True)
    arguments["reasoning_tags"] = settings.reasoning_tags
    return SCoReConfig(
        **arguments,
        max_steps=settings.updates,
        use_vllm=settings.rollout_backend == "vllm",
        vllm_mode="colocate" if settings.vllm_server_url is None else "server",
    )


def provenance(settings: TrainSettings, flags: argparse.Namespace) -> dict:
    """All that the trained weights depend on; ValueError where a file of them doesn't fit."""
    offline_attempts(settings, flags)
    own_task = Path(settings.task_type).is_file()
    return {
        **settings.provenance(),
        "init": policy_digest(flags.init, settings.cache_dir),
        "reference": policy_digest(flags.reference, settings.cache_dir),
        "problems": file_digest(flags.problems),
        "first_attempts": flags.first_attempts and file_digest(flags.first_attempts),
        "validation": flags.validation and file_digest(flags.validation),
        "task": file_digest(settings.task_type) if own_task else None,
        "prompts": _rendered_digest(settings, flags),
        "processes": processes(),
    }


def _rendered_digest(settings: TrainSettings, flags: argparse.Namespace) -> str:
    """Digest of the prompts as the policy sees them; ValueError where it can't be asked so."""
    prompts, held_out, bridges = _rendered(settings, flags)
    check_budget(settings.micro_batch_tokens, _longest(prompts, bridges, settings))
    return prompts_digest(prompts + held_out, bridges)


def context_length(settings: TrainSettings, flags: argparse.Namespace) -> int:
    """Tokens of the longest conversation that an engine has to sample, of validation too."""
    prompts, held_out, bridges = _rendered(settings, flags)
    return _longest(prompts + held_out, bridges, settings)


def _rendered(settings: TrainSettings, flags: argparse.Namespace) -> tuple[list, list, list]:
    """Token ids of the prompts to train on and to validate on, and the Bridges between attempts."""
    tokenizer, task = _tokenizer(settings, flags), task_of(settings)
    check_tags_are_text(tokenizer, settings.reasoning_tags)
    bridges = [
        Bridge.from_tokenizer(tokenizer, message, system_prompt_of(task))
        for message in correction_prompts(task, METHODS[settings.objective].prompting)
    ]
    prompts = [prompt_ids(tokenizer, one) for one in make_dataset(settings, flags)["prompt"]]
    validation = validation_problems(settings, flags)
    held_out = [] if validation is None else validation["prompt"]
    return prompts, [prompt_ids(tokenizer, one) for one in held_out], bridges


def _longest(prompts: list[list[int]], bridges: list[Bridge], settings: TrainSettings) -> int:
    between = [len(bridge.ids) for bridge in bridges]
    return longest_row(max(map(len, prompts)), between, settings.num_turns, settings.max_tokens)


def _tokenizer(settings: TrainSettings, flags: argparse.Namespace):
    return asking_tokenizer(flags.init, settings)


def make_dataset(settings: TrainSettings, flags: argparse.Namespace) -> Dataset:
    """Columns `problem_id`, `prompt` and `answer` of the training problems."""
    return _as_dataset(read_problems(flags.problems)[: settings.training_problems], settings, flags)


def validation_problems(settings: TrainSettings, flags: argparse.Namespace) -> Dataset | None:
    """The same of the problems to validate on, None without any; ValueError where some are missing."""
    steps, path = settings.validation_steps, flags.validation
    if steps is None and path is None:
        return None
    problems = [] if path is None else read_problems(path)
    if steps is None or not problems:
        raise ValueError(
            f"validation_steps is {steps} and --validation {path} holds {len(problems)} problems; "
            "expected a number of updates and some problems, or neither. Give both."
        )
    return _as_dataset(problems, settings, flags)


def _as_dataset(problems: list, settings: TrainSettings, flags: argparse.Namespace) -> Dataset:
    task = task_of(settings)
    few_shot = read_few_shot(flags.few_shot_dir, settings.task_type)
    answers = [problem.answer for problem in problems]
    if any(isinstance(answer, list) for answer in answers):  # a column of a dataset is of one type
        answers = [[answer] if isinstance(answer, str) else answer for answer in answers]
    return Dataset.from_list(
        [
            {
                "problem_id": problem.id,
                "question": problem.question,
                "prompt": first_messages(problem.question, task, few_shot),
                "answer": answer,
            }
            for problem, answer in zip(problems, answers, strict=True)
        ]
    )


def offline_attempts(settings: TrainSettings, flags: argparse.Namespace) -> OfflineAttempts | None:
    """What `offline_first_attempts` takes its share of; ValueError where the file doesn't fit."""
    share, path = settings.offline_first_attempts, flags.first_attempts
    if not share and path is None:
        return None
    if not share or path is None:
        raise ValueError(
            f"offline_first_attempts is {share} and --first-attempts {path}; expected a share above "
            "0 and a file, or neither. Give both: the file is what sampling.sample writes of the base "
            "policy on the training problems."
        )
    tokenizer = _tokenizer(settings, flags)
    rows = make_dataset(settings, flags)
    prompts = {row["problem_id"]: prompt_ids(tokenizer, row["prompt"]) for row in rows}
    vocabulary = vocabulary_size(flags.init, settings.cache_dir, settings.trust_remote_code)
    attempts = read_offline_attempts(path, prompts, vocabulary)
    return OfflineAttempts(attempts, share, settings.random_seed)


def train(settings: TrainSettings, flags: argparse.Namespace) -> None:
    """Run the training to its end and save the policy at `flags.policy`."""
    stop = StopOnSignal()
    # Made before the policy is loaded: it has ZeRO-3 shard weights while they are loaded.
    with COMMAND.errors():
        args = trainer_config(settings, flags.checkpoints)
        if args.use_vllm and args.vllm_mode == "colocate":
            # Else the engine makes room for the policy's whole context, which may not fit.
            args.vllm_max_model_length = context_length(settings, flags)
        problems = make_dataset(settings, flags)
        args.check_dataset(problems)
    with Verifier.from_settings(settings) as verifier:
        trainer = SCoReTrainer(
            model=load_asked(flags.init, settings, trainable=settings.use_lora),
            args=args,
            train_dataset=problems,
            verifier=verifier,
            reference=flags.reference,
            first_attempts=offline_attempts(settings, flags),
            processing_class=_tokenizer(settings, flags),
            peft_config=new_adapter(settings, flags.init),
            callbacks=[ProgressLine(settings.objective, settings.total_tokens), stop],
        )
        selection = Selection(settings)
        candidates = Candidates(trainer, selection, flags.checkpoints)
        nothing = NothingToLearn(settings.stop_when_nothing_to_learn)
        if (held_out := validation_problems(settings, flags)) is not None:
            steps = settings.validation_steps
            trainer.add_callback(Validation(trainer, held_out, steps, selection))
        listed = Path(flags.policy).with_name("disagreements.jsonl")
        disagreements = Disagreements(trainer.second_opinions, listed)
        shown = Path(flags.policy).with_name("rollouts.jsonl")
        rollouts = ShowsRollouts(trainer, shown, settings.show_rollouts_steps)
        for callback in (disagreements, rollouts, candidates, EndsOnce(selection), nothing):
            trainer.add_callback(callback)
        train_on(trainer, flags.checkpoints, settings.total_tokens)
        counts = ", ".join(f"{count} {verdict}" for verdict, count in verifier.counts.items())
        print(f"verifier of rank {trainer.accelerator.process_index}: {counts}", flush=True)
    if nothing.message is not None:
        _end_unlearned(nothing.message, flags)
    save_or_interrupt(trainer, stop, settings, flags, candidates)


def _end_unlearned(message: str, flags: argparse.Namespace) -> None:
    """End with an error on every rank; the first says why. Checkpoints stay."""
    leave_launcher()
    text = (
        f"{COMMAND.name}: {message}. Its checkpoints are kept in {flags.checkpoints}: to go on all "
        "the same set stop_when_nothing_to_learn: null and run again."
    )
    sys.exit(text if is_first_process() else 1)


def main() -> None:
    flags = COMMAND.flags(
        **FLAGS,
        reference="the base policy, π_ref of the KL",
        problems="JSON Lines of training problems",
        first_attempts=optional("sampled.parquet of offline first attempts"),
        validation=optional("JSON Lines of problems to validate on"),
        few_shot_dir=optional("folder of worked examples"),
    )
    run_job(COMMAND, TrainSettings, flags, provenance, train)


if __name__ == "__main__":
    COMMAND.run(main)
