"""How far the sampler's log-probabilities are from the trainer's, in nats a token.

Both are of the same sampled tokens: the sampler has them from passes on a cache of keys and values, the
trainer from one pass over whole conversations, so they differ by rounding.
"""

from unittest.mock import patch

import torch
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
from score.sampling.generate import HFGenerate, cut_after_stop, left_pad
from score.sampling.prompts import first_messages
from score.tasks import load_task
from score.training import trainer as trainer_module
from score.training.batches import pad_rollouts
from score.training.config import SCoReConfig
from score.training.trainer import SCoReTrainer
from score.verifiers.verifier import Verifier


# ------------------------------------------------------------------------- sampler against scoring
class TellingGenerate(HFGenerate):
    """Keeps the log-probabilities of sampled tokens, as the pass that sampled them gave them."""

    def __call__(self, prompts, seeds):
        self.rows = []
        attempts = super().__call__(prompts, seeds)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]), reverse=True)
        by_prompt = dict(zip(order, self.rows, strict=True))
        self.logps = [*getattr(self, "logps", []), [by_prompt[i] for i in range(len(prompts))]]
        return attempts

    def _generate(self, prompts, seeds):
        ids, mask = left_pad(prompts, self.config.pad_token_id, self.model.device)
        out = self.model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=self.config,
            output_logits=True,
            return_dict_in_generate=True,
        )
        sampled = out.sequences[:, ids.size(1) :]
        scaled = [logits.float() / self.config.temperature for logits in out.logits]
        logps = [s.log_softmax(-1).gather(1, sampled[:, i, None]) for i, s in enumerate(scaled)]
        found, stop = torch.cat(logps, dim=1).tolist(), set(self.config.eos_token_id)
        attempts = [cut_after_stop(row, stop) for row in sampled.tolist()]
        self.rows += [row[: len(a)] for row, a in zip(found, attempts, strict=True)]
        return attempts


def sampler_gap(trainer, rows: int) -> dict:
    """Log-probabilities of sampled tokens: the sampler's against the trainer's scoring pass."""
    made = []

    def telling(*arguments):
        made.append(TellingGenerate(*arguments))
        return made[-1]

    prompts = [row["prompt"] for row in trainer.train_dataset][:rows]
    with patch.object(trainer_module, "HFGenerate", telling):
        rollouts = trainer._sample(prompts, None)
    for i, rollout in enumerate(rollouts):
        rollout.sampler_logps = [turn[i] for turn in made[0].logps]
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
        **{**plain_settings(device), "bf16": precision == "bfloat16"},
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
