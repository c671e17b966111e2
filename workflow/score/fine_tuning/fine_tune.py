"""Fine-tune a policy on corrections: the training of STaR, STaSC and Pair-SFT.

    python -m score.jobs.launch --config configs/accelerate/cpu.yaml --processes 1 \\
        -m score.fine_tuning.fine_tune --settings settings.json --init POLICY \\
        --examples examples.jsonl --policy policy --records training.jsonl --checkpoints checkpoints

The examples are those that corrections.py chose, and the loss is on their correction tokens alone.
Interrupted training goes on from the newest whole checkpoint and ends with the same weights. It is
refused where that checkpoint was made with other settings, examples, policies or processes.
"""

import argparse
import os
import shutil
from dataclasses import asdict

from score.files import file_digest
from score.fine_tuning.examples import read_examples
from score.fine_tuning.settings import FineTuneSettings
from score.fine_tuning.trainer import CorrectionConfig, CorrectionTrainer
from score.jobs.interruption import StopOnSignal
from score.policies.load import load_policy, policy_digest, vocabulary_size
from score.sampling.prompts import load_tokenizer
from score.training.job import (
    add_flags,
    leave_policy,
    new_adapter,
    processes,
    run_job,
    shared_arguments,
    train_on,
)
from score.training.records import ProgressLine, write_records
from score.training.settings import IDLE_SETTINGS


def trainer_config(settings: FineTuneSettings, checkpoints: str, examples: int) -> CorrectionConfig:
    """The settings as a CorrectionConfig for this number of examples and processes."""
    return CorrectionConfig(
        **shared_arguments(settings, checkpoints), max_steps=settings.updates_on(examples)
    )


def made_with(settings: FineTuneSettings, flags: argparse.Namespace) -> dict:
    """All that the trained weights depend on; ValueError where the examples are not the policy's."""
    read_examples(flags.examples, vocabulary_size(flags.init, settings.cache_dir))
    kept = {key: value for key, value in asdict(settings).items() if key not in IDLE_SETTINGS}
    return {
        **kept,
        "init": policy_digest(flags.init, settings.cache_dir),
        "examples": file_digest(flags.examples),
        "processes": processes(),
    }


def fine_tune(settings: FineTuneSettings, flags: argparse.Namespace) -> None:
    """Run the training to its end and leave the policy at `flags.policy`.

    Without examples there is nothing to learn: it is the policy that the training starts from.
    """
    stop = StopOnSignal()
    examples = read_examples(flags.examples, vocabulary_size(flags.init, settings.cache_dir))
    if not examples:
        print("fine_tune: there are no examples, so the policy stays as it is", flush=True)
        if os.environ.get("RANK", "0") == "0":
            keep_policy(settings, flags)
        return
    # first: it has ZeRO-3 shard what is loaded
    args = trainer_config(settings, flags.checkpoints, len(examples))
    trainer = CorrectionTrainer(
        model=load_policy(
            flags.init, settings.precision, settings.cache_dir, trainable=settings.use_lora
        ),
        args=args,
        examples=examples,
        processing_class=load_tokenizer(flags.init, settings.cache_dir),
        peft_config=new_adapter(settings, flags.init),
        callbacks=[ProgressLine(settings.objective), stop],
    )
    train_on(trainer, flags.checkpoints)
    leave_policy(trainer, stop, settings, flags)


def keep_policy(settings: FineTuneSettings, flags: argparse.Namespace) -> None:
    """Leave the policy that a training would start from, and no records."""
    for saved in (
        load_policy(flags.init, settings.precision, settings.cache_dir),
        load_tokenizer(flags.init, settings.cache_dir),
    ):
        saved.save_pretrained(flags.policy)
    write_records(flags.records, [], settings.objective)
    shutil.rmtree(flags.checkpoints)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.fine_tuning.fine_tune", description=__doc__.partition("\n")[0]
    )
    add_flags(parser)
    parser.add_argument(
        "--examples", required=True, help="JSON Lines of score.fine_tuning.corrections"
    )
    run_job("fine_tune", FineTuneSettings, parser.parse_args(), made_with, fine_tune)


if __name__ == "__main__":
    main()
