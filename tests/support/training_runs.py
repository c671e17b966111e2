"""Small trainings of the shipped puzzle policy, for tests in this process and in launched ones."""

from unittest.mock import patch

import torch
from datasets import Dataset
from score.policies.load import load_policy
from score.problems.problem import read_problems
from score.sampling.prompts import first_messages
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task
from score.training import update_loss
from score.training.batches import token_logps
from score.training.config import SCoReConfig
from score.training.trainer import SCoReTrainer
from transformers import TrainerCallback

BASE = "data/puzzle/policy"
TASK = load_task("puzzle")
# What trainings with a clipped ratio have in common, two updates with each set of rollouts.
CLIPPED_LOSS = {
    "clip_low": 0.2,
    "clip_high": 0.28,
    "scale_advantages": False,
    "init_kl_coef": 0.0,
    "corr_kl_coef": 0.0,
    "mini_batches": 2,
}


def judge(attempts, answers):
    """Scores without worker processes: the puzzle's grading is instant and safe."""
    stated = [TASK.extract(attempt, "default", "") for attempt in attempts]
    return [
        TASK.grade(text, answer, "puzzle_acc") if text else 0.0
        for text, answer in zip(stated, answers, strict=True)
    ]


def problems(count=32):
    rows = read_problems("data/puzzle/problems/train.jsonl")[:count]
    return Dataset.from_list(
        [
            {
                "problem_id": p.id,
                "prompt": first_messages(p.question, TASK, []),
                "answer": p.answer,
            }
            for p in rows
        ]
    )


def make_trainer(
    output_dir,
    model=BASE,
    peft_config=None,
    reference=None,
    verifier=judge,
    first_attempts=None,
    **changes,
):
    settings = {
        "objective": "stage_one",
        "num_generations": 4,
        "per_device_train_batch_size": 16,
        "max_completion_length": 10,
        "max_steps": 3,
        "learning_rate": 1e-3,
        "warmup_steps": 2,
        "init_kl_coef": 0.5,
        "corr_kl_coef": 0.1,
        "kl_estimator": "k1",
        "scale_advantages": False,
        "local_rollout_forward_batch_size": 64,
        "correction_prompt": TASK.CORRECTION_PROMPT,
        "gradient_checkpointing": False,
        "bf16": False,
        "use_cpu": True,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "seed": 3,
    }
    return SCoReTrainer(
        model=model,
        args=SCoReConfig(output_dir=str(output_dir), **{**settings, **changes}),
        train_dataset=problems(),
        verifier=verifier,
        reference=reference,
        first_attempts=first_attempts,
        peft_config=peft_config,
        processing_class=load_tokenizer(BASE),
    )


def moved_policy():
    """The shipped policy with noise on its matrices: away from a reference that is the shipped one."""
    torch.manual_seed(1)
    moved = load_policy(BASE, "float32")
    with torch.no_grad():
        for weight in moved.parameters():
            weight += 0.1 * weight.std() * torch.randn_like(weight) if weight.dim() > 1 else 0.0
    return moved


def first_update(trainer):
    """The micro-batches of an update, sampled from a fixed state of torch's generator."""
    torch.manual_seed(0)
    trainer.model.train()
    size, k = trainer.args.generation_batch_size, trainer.num_generations
    rows = [row for row in trainer.train_dataset for _ in range(k)]
    trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps
    batches = trainer._make_batches(rows[:size])
    trainer._tell_of_update(0)
    return batches


def whole_rows(batch):
    """A micro-batch whose rows begin with what `batch` has apart from them."""
    if "prefix_of" not in batch:
        return batch
    whole = {key: value for key, value in batch.items() if not key.startswith("prefix_")}
    pairs = zip(batch["prefix_ids"], batch["prefix_mask"], strict=True)
    prefixes = [ids[mask > 0] for ids, mask in pairs]
    for key, filler in {"attention_mask": 1, "turn": 0, "ref_logps": 0, "sampler_logps": 0}.items():
        if key in whole:
            whole[key] = _behind([torch.full_like(ids, filler) for ids in prefixes], batch, key)
    whole["input_ids"] = _behind(prefixes, batch, "input_ids")
    return whole


def _behind(prefixes, batch, key):
    """Rows of `batch[key]`, each behind its prefix."""
    rows = zip(batch["prefix_of"].tolist(), batch[key], strict=True)
    joined = [torch.cat([prefixes[of].to(row.dtype), row]) for of, row in rows]
    return torch.nn.utils.rnn.pad_sequence(joined, batch_first=True)


def token_gradient(trainer, batch):
    """Gradient (B, T) of the loss with respect to the log-probability of every token of a batch."""
    logps, entropy = token_logps(trainer.model, batch)
    logps = logps.detach().requires_grad_()
    with patch.object(update_loss, "logps_with_idle", return_value=(logps, entropy)):
        trainer._compute_loss(trainer.model, batch).backward()
    return logps.grad


def records(trainer):
    """The records of all updates, without what the clock decides."""
    clocks = ("step_time",)
    return [
        {key: value for key, value in record.items() if key not in clocks}
        for record in trainer.state.log_history
        if "reward_t1" in record
    ]


def weights(trainer):
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters()}


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def close(one, other, atol):
    return all(torch.allclose(value, other[name], atol=atol) for name, value in one.items())


class StopAfter(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        control.should_training_stop = state.global_step == self.step
