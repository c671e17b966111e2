"""How far the sampler's log-probabilities are from the trainer's, in nats a token.

Both are of the same sampled tokens: the sampler has them from passes on a cache of keys and values, the
trainer from one pass over whole conversations, so they differ by rounding.
"""

from datasets import Dataset

from score.gpu_check.trainers import (
    PUZZLE,
    on,
    plain_settings,
    puzzle_trainer,
    sums_tokenizer,
)
from score.policies.load import load_policy
from score.puzzle import sums
from score.sampling.prompts import first_messages
from score.tasks import load_task
from score.training.batches import pad_rollouts
from score.training.config import SCoReConfig
from score.training.trainer import SCoReTrainer
from score.verifiers.verifier import Verifier


def sampler_gap(trainer, rows: int) -> dict:
    """Log-probabilities of sampled tokens: the sampler's against the trainer's scoring pass."""
    prompts = [row["prompt"] for row in trainer.train_dataset][:rows]
    trainer.args.sampler_ratios = True
    rollouts = trainer._sample(prompts, None)
    device = trainer.accelerator.device
    batch = on(pad_rollouts(rollouts, trainer._tokenizer.pad_token_id), device)
    scored = trainer._no_grad_logps(batch, reference=False)
    gap = (scored.float() - batch["sampler_logps"])[batch["turn"] > 0]
    return {
        "tokens": gap.numel(),
        "mean_absolute_gap_nats": float(gap.abs().mean()),
        "largest_gap_nats": float(gap.abs().max()),
        "mean_gap_nats": float(gap.mean()),
        "mean_importance_ratio": float(gap.exp().mean()),
    }


def sums_trainer(folder: str, device: str, model: str, precision: str, rows: int):
    """A trainer of `model` on sums of three numbers; never trained here."""
    task = load_task("sums")
    drawn = sums.draw(rows, seed=5)
    questions = [first_messages(sums.question(numbers), task, []) for numbers in drawn]
    config = SCoReConfig(
        output_dir=folder,
        **{**plain_settings(device), "bf16": precision != "float32"},
        per_device_train_batch_size=rows,
        num_generations=2,
        max_completion_length=40,
        max_steps=1,
        correction_prompt=task.CORRECTION_PROMPT,
    )
    return SCoReTrainer(
        model=load_policy(model, precision),
        args=config,
        train_dataset=Dataset.from_dict(
            {"prompt": questions, "answer": [str(sum(numbers)) for numbers in drawn]}
        ),
        verifier=Verifier("sums"),
        processing_class=sums_tokenizer(model),
    )


def puzzle_gap(folder: str, device: str, rows: int) -> dict:
    trainer = puzzle_trainer(folder, device, model=load_policy(PUZZLE, "bfloat16"), bf16=True)
    return sampler_gap(trainer, rows)


def model_gap(folder: str, device: str, model: str, precision: str, rows: int) -> dict:
    return sampler_gap(sums_trainer(folder, device, model, precision, rows), rows)
