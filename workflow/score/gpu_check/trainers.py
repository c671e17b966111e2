"""Trainers of the check: the puzzle's, and what all of them set."""

import torch
from datasets import Dataset

from score.benchmarks.models import PUZZLE
from score.benchmarks.trainers import plain_settings
from score.files.places import REPOSITORY
from score.problems.problem import read_problems
from score.sampling.prompts import first_messages
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task
from score.training.config import SCoReConfig
from score.training.trainer import SCoReTrainer
from score.verifiers.verifier import Verifier

PLAIN_TEMPLATE = REPOSITORY / "data" / "sums" / "plain.jinja"


def puzzle_problems(count: int = 32) -> Dataset:
    """Columns `prompt` and `answer` of the shipped puzzles."""
    task = load_task("puzzle")
    rows = read_problems(REPOSITORY / "data" / "puzzle" / "problems" / "train.jsonl")[:count]
    return Dataset.from_list(
        [{"prompt": first_messages(p.question, task, []), "answer": p.answer} for p in rows]
    )


def puzzle_trainer(folder, device: str, *, model=PUZZLE, peft_config=None, **changes):
    """A small training of the shipped puzzle policy: 16 rollouts an update, 4 of a problem."""
    settings = {
        **plain_settings(device),
        "objective": "stage_one",
        "num_generations": 4,
        "per_device_train_batch_size": 16,
        "max_completion_length": 10,
        "max_steps": 3,
        "learning_rate": 1e-3,
        "warmup_steps": 2,
        "init_kl_coef": 0.5,
        "corr_kl_coef": 0.1,
        "correction_prompt": load_task("puzzle").CORRECTION_PROMPT,
    }
    return SCoReTrainer(
        model=model,
        args=SCoReConfig(output_dir=str(folder), **{**settings, **changes}),
        train_dataset=puzzle_problems(),
        verifier=Verifier("puzzle"),
        processing_class=load_tokenizer(PUZZLE),
        peft_config=peft_config,
    )


def sums_tokenizer(model: str):
    """The policy's tokenizer with the plain template of the sums."""
    tokenizer = load_tokenizer(model)
    tokenizer.chat_template = PLAIN_TEMPLATE.read_text()
    return tokenizer


def on(batch: dict[str, torch.Tensor], device) -> dict[str, torch.Tensor]:
    return {name: values.to(device) for name, values in batch.items()}
