"""What corrections that share a first attempt do to the gradient's variance and to what is learned.

    python benchmarks/shared_attempts.py        # 25 minutes at most on two free cores

On the puzzles, with the base policy that comes with the project, for C = corrections_per_attempt. The
first table is of one policy that does not move: the variance of the gradient of an update, summed over
all weights and multiplied by the tokens that the update sampled, so that it compares equal numbers of
sampled tokens, relative to C = 1. Advantages are not scaled, and without a KL cost all variance is that
of rewards. The second table is of trainings from base, which end at equal numbers of sampled tokens:
greedy accuracy on the test puzzles, of each seed, and the mean difference from C = 1 of the same seed.

Each measurement is a process of one thread, --workers of them at a time. What is measured is kept in
shared_attempts.json, in the folder --output, and tables of it in shared_attempts.md; started again, it
measures what is not there yet.
"""

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch
from datasets import Dataset
from score import SCoReConfig, SCoReTrainer
from score.files.atomic import replace_file
from score.problems.problem import read_problems
from score.sampling.prompts import first_messages
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task
from score.training.judging import Judging
from score.training.records import silence_trainer

BASE, TASK = "data/puzzle/policy", load_task("puzzle")
K, ROLLOUTS, SHARED, TRAINED_WITH = 8, 64, (1, 2, 4, 8), (1, 4)
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


def variance(objective: str, corrections: int, batches: int) -> dict[str, float]:
    """Of the gradient of an update, summed over all weights, and the mean of the tokens it sampled."""
    with tempfile.TemporaryDirectory() as folder:
        return _variance(trainer_of(objective, corrections, folder), batches)


def _variance(trainer: SCoReTrainer, batches: int) -> dict[str, float]:
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
    found = float((squares - mean.square()).sum()) * batches / (batches - 1)
    return {"variance": found, "tokens": tokens}


def accuracies(objective: str, corrections: int, tokens: int, seed: int) -> dict[str, float]:
    """Of attempts 1 and 2 once trained; an attempt at a puzzle has about 7.5 tokens."""
    test = puzzles("test")
    of_update = 7.5 * TRAINED["per_device_train_batch_size"] * (1 + 1 / corrections)
    init = 0.17 if objective == "stage_one" else 0.03
    told = {"init_kl_coef": init, "corr_kl_coef": 0.03, "scale_advantages": True, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(
            objective, corrections, folder, max_steps=round(tokens / of_update), **TRAINED, **told
        )
        trainer.train()
        rollouts = trainer.sample_greedily(test["prompt"], turns=2)
    judging = Judging(judge, list(test), trainer.processing_class)
    judging.add(range(len(rollouts)), [rollout.attempts for rollout in rollouts])
    scores = judging.scored().scores
    return dict(zip(("t1", "t2"), scores.mean(0).tolist(), strict=True))


def jobs_of(flags: argparse.Namespace) -> dict[str, tuple]:
    """By its name in the file: the function of each measurement, and its arguments."""
    found = {}
    for objective in ("stage_one", "stage_two"):
        for corrections in SHARED if flags.batches else ():
            if objective == "stage_one" or corrections < K:  # a sole first attempt has no other
                name = f"variance {objective} C={corrections} batches={flags.batches}"
                found[name] = (variance, objective, corrections, flags.batches)
    for seed in flags.seeds if flags.tokens else ():
        for objective in ("stage_one", "stage_two"):
            for corrections in TRAINED_WITH:
                name = f"accuracy {objective} C={corrections} tokens={flags.tokens} seed={seed}"
                found[name] = (accuracies, objective, corrections, flags.tokens, seed)
    return found


def measure(jobs: dict[str, tuple], path: Path, workers: int) -> dict[str, dict]:
    """The results of all jobs by name; those that the file lacks are measured and put into it."""
    done = json.loads(path.read_text()) if path.is_file() else {}
    lacking = [name for name in jobs if name not in done]
    print(f"{len(jobs) - len(lacking)} of {len(jobs)} measurements found in {path}", flush=True)
    started, context = time.monotonic(), get_context("spawn")
    with ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,)) as pool:
        running = {pool.submit(*jobs[name]): name for name in lacking}
        for count, future in enumerate(as_completed(running), start=1):
            name = running[future]
            done[name] = future.result()
            replace_file(path, json.dumps(done, indent=2, sort_keys=True).encode())
            took = time.monotonic() - started
            values = "  ".join(f"{key} {value:.4g}" for key, value in done[name].items())
            left = took / count * (len(lacking) - count)
            print(f"{count}/{len(lacking)}  {name}: {values}  {left / 60:.0f} min left", flush=True)
    return {name: done[name] for name in jobs}


def tables(jobs: dict[str, tuple], results: dict[str, dict], flags: argparse.Namespace) -> str:
    """Both tables as Markdown; one that was not asked for is left out."""
    found = {jobs[name][1:]: result for name, result in results.items()}
    lines = []
    if flags.batches:
        lines += [f"Variance × sampled tokens relative to C = 1, over {flags.batches} updates", ""]
        lines += ["| objective | C | relative | variance | tokens |", "|---|---|---|---|---|"]
        for (objective, corrections, *rest), told in found.items():
            if len(rest) == 1:
                one = found[objective, 1, *rest]
                ratio = told["variance"] * told["tokens"] / (one["variance"] * one["tokens"])
                values = f"{ratio:.2f} | {told['variance']:.3g} | {told['tokens']:.0f}"
                lines.append(f"| {objective} | {corrections} | {values} |")
        lines.append("")
    if flags.tokens:
        lines += [f"Greedy accuracy after about {flags.tokens:,} sampled tokens, t1 / t2 (%)", ""]
        seeds = " | ".join(f"seed {seed}" for seed in flags.seeds)
        lines += [f"| objective | C | {seeds} | mean t2 | t2 less that of C = 1, ± s.e. |"]
        lines += ["|---" * (len(flags.seeds) + 4) + "|"]
        for objective in ("stage_one", "stage_two"):
            for c in TRAINED_WITH:
                told = [found[objective, c, flags.tokens, seed] for seed in flags.seeds]
                first = [found[objective, 1, flags.tokens, seed] for seed in flags.seeds]
                cells = [f"{100 * one['t1']:.1f} / {100 * one['t2']:.1f}" for one in told]
                cells.append(f"{100 * statistics.mean(one['t2'] for one in told):.1f}")
                pairs = zip(told, first, strict=True)
                cells.append("" if c == 1 else _mean([100 * (a["t2"] - b["t2"]) for a, b in pairs]))
                lines.append(f"| {objective} | {c} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _mean(values: list[float]) -> str:
    """Their mean with its standard error, where there are several."""
    told = f"{statistics.mean(values):+.1f}"
    if len(values) < 2:
        return told
    return f"{told} ± {statistics.stdev(values) / len(values) ** 0.5:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batches", type=int, default=100, help="updates of one policy; 0: none")
    parser.add_argument("--tokens", type=int, default=300_000, help="of a training; 0: none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--workers", type=int, default=2, help="processes at a time, one a core")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks"))
    flags = parser.parse_args()
    flags.output.mkdir(parents=True, exist_ok=True)
    jobs = jobs_of(flags)
    results = measure(jobs, flags.output / "shared_attempts.json", flags.workers)
    text = tables(jobs, results, flags)
    replace_file(flags.output / "shared_attempts.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
