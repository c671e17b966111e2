"""Fine-tune a policy on corrections: the training of STaR, STaSC and Pair-SFT.

    python -m score.jobs.launch --config configs/accelerate/cpu.yaml --processes 1 \\
        -m score.fine_tuning.fine_tune --settings settings.json --init POLICY \\
        --examples examples.jsonl --policy policy --records training.jsonl --checkpoints checkpoints

The examples are those that corrections.py chose, and the loss is on their correction tokens alone.
Interrupted training goes on from the newest whole checkpoint and ends with the same weights. It is
refused where that checkpoint was made with other settings, examples, policies or processes.
"""

import argparse
import shutil
from functools import lru_cache
from pathlib import Path

from score.files.atomic import remove_folder, replace_folder, written_to
from score.files.digests import file_digest
from score.files.made_with import mark_policy
from score.fine_tuning.examples import Example, read_examples
from score.fine_tuning.settings import FineTuneSettings
from score.fine_tuning.trainer import CorrectionConfig, CorrectionTrainer
from score.jobs.command import Command
from score.jobs.distributed import is_first_process
from score.jobs.interruption import StopOnSignal
from score.policies.load import load_asked, policy_digest, vocabulary_size
from score.sampling.tokenizers import load_tokenizer
from score.training.job import (
    FLAGS,
    new_adapter,
    processes,
    run_job,
    save_or_interrupt,
    train_on,
    trainer_arguments,
)
from score.training.records import ProgressLine, write_records

COMMAND = Command(__spec__, __doc__)


def trainer_config(settings: FineTuneSettings, checkpoints: str, examples: int) -> CorrectionConfig:
    """The settings as a CorrectionConfig for this number of examples and processes."""
    return CorrectionConfig(
        **trainer_arguments(settings, CorrectionConfig, checkpoints),
        max_steps=settings.updates_on(examples),
    )


def provenance(settings: FineTuneSettings, flags: argparse.Namespace) -> dict:
    """All that the trained weights depend on; ValueError where the examples are not the policy's,
    or too few for the warm-up."""
    examples = _examples(settings, flags)
    if examples:
        settings.check_warm_up(settings.updates_on(len(examples)))
    return {
        **settings.provenance(),
        "init": policy_digest(flags.init, settings.cache_dir),
        "examples": file_digest(flags.examples),
        "processes": processes(),
    }


_read_once = lru_cache(maxsize=1)(read_examples)


def _examples(settings: FineTuneSettings, flags: argparse.Namespace) -> list[Example]:
    vocabulary = vocabulary_size(flags.init, settings.cache_dir, settings.trust_remote_code)
    return _read_once(flags.examples, vocabulary)


def _tokenizer(settings: FineTuneSettings, flags: argparse.Namespace):
    """The tokenizer that is saved with the policy, with the chat template that it is asked by."""
    return load_tokenizer(
        flags.init,
        settings.cache_dir,
        chat_template=settings.chat_template,
        trust_remote_code=settings.trust_remote_code,
    )


def fine_tune(settings: FineTuneSettings, flags: argparse.Namespace) -> None:
    """Run the training to its end and save the policy at `flags.policy`.

    Without examples there is nothing to learn: it is the policy that the training starts from.
    """
    stop = StopOnSignal()
    examples = _examples(settings, flags)
    if not examples:
        print("fine_tune: there are no examples, so the policy stays as it is", flush=True)
        if is_first_process():
            keep_policy(settings, flags)
        return
    # Made before the policy is loaded: it has ZeRO-3 shard weights while they are loaded.
    with COMMAND.errors():
        args = trainer_config(settings, flags.checkpoints, len(examples))
    trainer = CorrectionTrainer(
        model=load_asked(flags.init, settings, trainable=settings.use_lora),
        args=args,
        examples=examples,
        processing_class=_tokenizer(settings, flags),
        peft_config=new_adapter(settings, flags.init),
        callbacks=[ProgressLine(settings.objective), stop],
    )
    train_on(trainer, flags.checkpoints)
    save_or_interrupt(trainer, stop, settings, flags)


def keep_policy(settings: FineTuneSettings, flags: argparse.Namespace) -> None:
    """Save the policy that a training would start from, and no records."""
    draft = Path(f"{flags.policy}.writing")
    settings.require_file()
    shutil.rmtree(draft, ignore_errors=True)
    with written_to(draft):
        for saved in (
            load_asked(flags.init, settings),
            _tokenizer(settings, flags),
        ):
            saved.save_pretrained(draft)
        mark_policy(draft, settings)
    replace_folder(draft, Path(flags.policy))
    write_records(flags.records, [], settings.objective)
    remove_folder(flags.checkpoints)


def main() -> None:
    flags = COMMAND.flags(**FLAGS, examples="JSON Lines of score.fine_tuning.corrections")
    run_job(COMMAND, FineTuneSettings, flags, provenance, fine_tune)


if __name__ == "__main__":
    COMMAND.run(main)
