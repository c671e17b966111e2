"""What corrections that share a first attempt do to the gradient's variance and to what is learned.

    python benchmarks/shared_attempts.py --batches 100 --tokens 300000 --seeds 0 1 2

On the puzzles, with the base policy that comes with the project, for C = corrections_per_attempt. The
first table is of one policy that does not move: the variance of the gradient of an update, summed over
all weights and multiplied by the tokens that the update sampled, so that it compares equal numbers of
sampled tokens, relative to C = 1. Advantages are not scaled, and without a KL cost all variance is that
of rewards. The second table is of trainings from base, which end at equal numbers of sampled tokens:
greedy accuracy on the test puzzles, each seed's.
"""

import argparse
import tempfile

import torch
from datasets import Dataset
from score import SCoReConfig, SCoReTrainer
from score.problems.problem import read_problems
from score.sampling.prompts import first_messages
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task
from score.training.batches import score_attempts
from score.training.records import silence_trainer

BASE, TASK = "data/puzzle/policy", load_task("puzzle")
K, ROLLOUTS, SHARED = 8, 64, (1, 2, 4, 8)
TRAINED = {"per_device_train_batch_size": 256, "learning_rate": 3e-4, "warmup_steps": 10}


def judge(attempts: list[str], answers: list) -> list[float]:
    """Scores without worker processes: grading a puzzle is instant and safe."""
    stated = [TASK.extract(attempt, "default", "") for attempt in attempts]
    return [
        TASK.grade(text, answer, "puzzle_acc") if text else 0.0
        for text, answer in zip(stated, answers, strict=True)
    ]


def puzzles(split: str) -> Dataset:
    rows = read_problems(f"data/puzzle/problems/{split}.jsonl")
    asked = [{"prompt": first_messages(p.question, TASK, []), "answer": p.answer} for p in rows]
    return Dataset.from_list(asked)


def trainer_of(objective: str, corrections: int, folder: str, **changes) -> SCoReTrainer:
    settings = {
        "objective": objective,
        "corrections_per_attempt": corrections,
        "num_generations": K,
        "per_device_train_batch_size": ROLLOUTS,
        "max_completion_length": 10,
        "init_kl_coef": 0.0,
        "corr_kl_coef": 0.0,
        "scale_advantages": False,
        "max_steps": 1,
        "local_rollout_forward_batch_size": 256,
        "correction_prompt": TASK.CORRECTION_PROMPT,
        "adam_beta2": 0.95,
        "gradient_checkpointing": False,
        "bf16": False,
        "use_cpu": True,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
    }
    trainer = SCoReTrainer(
        model=BASE,
        args=SCoReConfig(output_dir=folder, **{**settings, **changes}),
        train_dataset=puzzles("train"),
        verifier=judge,
        processing_class=load_tokenizer(BASE),
    )
    silence_trainer(trainer)
    return trainer


def variance(trainer: SCoReTrainer, batches: int) -> tuple[float, float]:
    """Of the gradient of an update, summed over all weights, and the mean of the tokens it sampled."""
    problems, trainer.current_gradient_accumulation_steps = ROLLOUTS // K, 1
    order = torch.randperm(len(trainer.train_dataset), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    mean, squares, tokens = 0.0, 0.0, 0.0
    for i in range(batches):
        places = [order[(i * problems + j) % len(order)] for j in range(problems)]
        rows = [trainer.train_dataset[int(place)] for place in places]
        (batch,) = trainer._make_batches([row for row in rows for _ in range(K)])
        trainer.model.zero_grad()
        trainer._compute_loss(trainer.model, batch).backward()
        gradients = [p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None]
        gradient = torch.cat(gradients).double()
        mean, squares = mean + gradient / batches, squares + gradient.square() / batches
        tokens += trainer._metrics["train"]["sampled_tokens"][-1] / batches
    return float((squares - mean.square()).sum()) * batches / (batches - 1), tokens


def print_variances(batches: int) -> None:
    print(f"variance × sampled tokens, relative to C = 1, over {batches} updates")
    for objective in ("stage_one", "stage_two"):
        costs = {}
        for corrections in SHARED:
            if objective == "stage_two" and corrections == K:
                continue  # a sole first attempt could not be compared
            with tempfile.TemporaryDirectory() as folder:
                found, tokens = variance(trainer_of(objective, corrections, folder), batches)
            costs[corrections] = found * tokens
            print(
                f"  {objective}  C = {corrections}  {costs[corrections] / costs[1]:5.2f}   "
                f"variance of an update {found:8.3g}, its tokens {tokens:.0f}",
                flush=True,
            )


def print_accuracies(tokens: int, seeds: list[int]) -> None:
    print(f"greedy accuracy on the test puzzles after about {tokens:,} sampled tokens, t1 / t2")
    test = puzzles("test")
    for objective in ("stage_one", "stage_two"):
        for corrections in (1, 4):
            found = [accuracies(objective, corrections, tokens, seed, test) for seed in seeds]
            texts = "   ".join(f"{first:.1%} / {second:.1%}" for first, second in found)
            mean = sum(second for _, second in found) / len(found)
            print(f"  {objective}  C = {corrections}  {texts}   mean t2 {mean:.1%}", flush=True)


def accuracies(
    objective: str, corrections: int, tokens: int, seed: int, test: Dataset
) -> tuple[float, float]:
    """Of attempts 1 and 2 once trained; an attempt at a puzzle has about 7.5 tokens."""
    of_update = 7.5 * TRAINED["per_device_train_batch_size"] * (1 + 1 / corrections)
    init = 0.17 if objective == "stage_one" else 0.03
    told = {"init_kl_coef": init, "corr_kl_coef": 0.03, "scale_advantages": True, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(
            objective, corrections, folder, max_steps=round(tokens / of_update), **TRAINED, **told
        )
        trainer.train()
        rollouts = trainer.sample_greedily(test["prompt"], turns=2)
    scores = score_attempts(judge, rollouts, list(test), trainer.processing_class).scores
    return tuple(scores.mean(0).tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batches", type=int, default=100, help="updates of one policy; 0: none")
    parser.add_argument("--tokens", type=int, default=300_000, help="of a training; 0: none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    flags = parser.parse_args()
    if flags.batches:
        print_variances(flags.batches)
    if flags.tokens:
        print_accuracies(flags.tokens, flags.seeds)


if __name__ == "__main__":
    main()
