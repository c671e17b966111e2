"""Does a language model learn to correct itself here: SmolLM2-135M-Instruct on sums of three numbers.

A short supervised warm start on first attempts alone makes the base policy, which knows the form of a
solution and has never seen a second turn. Then Stage I and Stage II with the project's own trainer,
each until its share of the time is over, and after each a greedy evaluation on the same held-out
problems. Weights are float32 and products of matrices TF32: updates this small would be lost in
bfloat16 weights.
"""

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset
from transformers import TrainerCallback

from score.benchmarks.machine import fast_float32
from score.benchmarks.measured import Measured, part_flags
from score.evaluation.metrics import self_correction, unchanged_answers
from score.gpu_check.trainers import PUZZLE, plain_settings, sums_tokenizer
from score.policies.load import load_policy
from score.puzzle import sums
from score.sampling.generate import HFGenerate, sampling_config, stop_ids_of
from score.sampling.prompts import Bridge, first_messages, prompt_ids
from score.sampling.rollout import attempt_texts, sample_rollouts
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task
from score.training.config import SCoReConfig
from score.training.trainer import SCoReTrainer
from score.verifiers.verifier import Verifier

CURVE = (
    "learning_rate reward_t1 reward_t2 kl_t1 kl_t2 unchanged incorrect_to_correct "
    "correct_to_incorrect entropy_t1 entropy_t2 truncated_t1 truncated_t2 grad_norm step_time"
).split()


@dataclass(frozen=True)
class Plan:
    """Sizes and weights. rows: rollouts of a backward pass; of an update there are `rollouts`."""

    solutions: int = 640
    warm_up_batches: int = 40
    warm_up_rate: float = 1e-4
    held_out: int = 1000
    problems: int = 16_000
    rollouts: int = 1024
    rows: int = 128
    updates: int = 10_000
    learning_rate: float = 4e-5
    first_stage: tuple[float, float] = (0.15, 0.015)  # β2 of turn 1, β1 of turn 2
    second_stage: tuple[float, float] = (0.25, 0.25)
    alpha: float = 10.0


TINY = Plan(8, 1, 1e-4, 4, 64, 16, 8, 1)


class StopAfter(TrainerCallback):
    """Ends training after the update in which its seconds run out; writes the curve as it goes."""

    def __init__(self, seconds: float, tell):
        self.until, self.tell = time.monotonic() + seconds, tell

    def on_step_end(self, args, state, control, **kwargs):
        control.should_training_stop |= time.monotonic() > self.until

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.tell(curve(state.log_history))


def curve(log_history: list[dict]) -> dict:
    """What training recorded of each update, a list a quantity."""
    records = [record for record in log_history if "reward_t1" in record]
    return {name: [round(float(r[name]), 6) for r in records] for name in CURVE}


def problems_of(triples: list[tuple], task) -> Dataset:
    """Columns `prompt` and `answer`."""
    asked = [first_messages(sums.question(numbers), task, []) for numbers in triples]
    return Dataset.from_dict({"prompt": asked, "answer": [str(sum(t)) for t in triples]})


def warm_up(policy, tokenizer, triples: list[tuple], plan: Plan, task) -> list[float]:
    """Imitate worked solutions, each once, in `warm_up_batches`; the loss of every batch."""
    policy.train()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=plan.warm_up_rate, weight_decay=0.0)
    size, losses = len(triples) // plan.warm_up_batches, []
    for start in range(0, len(triples), size):
        rows = [_example(tokenizer, t, task) for t in triples[start : start + size]]
        length = max(len(ids) for ids, _ in rows)
        pad = tokenizer.pad_token_id
        ids = torch.tensor([i + [pad] * (length - len(i)) for i, _ in rows])
        labels = torch.tensor([values + [-100] * (length - len(values)) for _, values in rows])
        mask = torch.tensor([[1] * len(i) + [0] * (length - len(i)) for i, _ in rows])
        place = policy.device
        loss = policy(
            input_ids=ids.to(place), attention_mask=mask.to(place), labels=labels.to(place)
        ).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(round(loss.item(), 4))
    return losses


def _example(tokenizer, numbers: tuple, task) -> tuple[list[int], list[int]]:
    """Ids of a solved problem, and their labels: the solution with its end of turn."""
    prompt = prompt_ids(tokenizer, first_messages(sums.question(numbers), task, []))
    solution = tokenizer(sums.solution(numbers), add_special_tokens=False)["input_ids"]
    solution = [*solution, tokenizer.eos_token_id]
    return prompt + solution, [-100] * len(prompt) + solution


def evaluate(policy, tokenizer, triples: list[tuple], task) -> dict:
    """Greedy accuracies of two turns, their difference and changes, each with its interval."""
    bridge = Bridge.from_tokenizer(tokenizer, task.CORRECTION_PROMPT)
    stop = stop_ids_of(policy.generation_config, tokenizer, bridge)
    config = sampling_config(40, 0, stop, tokenizer.pad_token_id)
    asked = [first_messages(sums.question(numbers), task, []) for numbers in triples]
    prompts = [prompt_ids(tokenizer, messages) for messages in asked]
    start = time.monotonic()
    generate = HFGenerate(policy, config, len(prompts))
    rollouts = sample_rollouts(prompts, bridge, generate, stop)
    seconds = time.monotonic() - start
    texts = attempt_texts(rollouts, tokenizer)
    answers = [str(sum(numbers)) for numbers in triples]
    verifier = Verifier("sums")
    first, second = (verifier([row[t] for row in texts], answers) for t in range(2))
    stated = [[verdict.extracted for verdict in turn] for turn in (first, second)]
    return {
        **self_correction([v.correct for v in first], [v.correct for v in second]),
        "unchanged": float(unchanged_answers(*stated).mean()),
        "no_answer_t1": stated[0].count(None) / len(triples),
        "no_answer_t2": stated[1].count(None) / len(triples),
        "truncated_t1": sum(r.truncated[0] for r in rollouts) / len(triples),
        "truncated_t2": sum(r.truncated[1] for r in rollouts) / len(triples),
        "seconds_of_sampling": round(seconds, 2),
        "examples": [[sums.question(t), *row] for t, row in zip(triples, texts, strict=True)][:4],
    }


class Experiment:
    """The policies of one run, each in a folder of its own."""

    def __init__(self, folder: Path, model: str, tokenizer, plan: Plan, measured: Measured):
        self.folder, self.tokenizer, self.plan, self.measured = folder, tokenizer, plan, measured
        self.model, self.task = model, load_task("sums")
        triples = sums.draw(plan.held_out + plan.solutions + plan.problems, seed=11)
        self.held_out = triples[: plan.held_out]
        self.solutions = triples[plan.held_out : plan.held_out + plan.solutions]
        self.problems = triples[plan.held_out + plan.solutions :]

    def base(self) -> dict:
        policy = load_policy(self.model, "float32").to(self.measured.device)
        losses = warm_up(policy, self.tokenizer, self.solutions, self.plan, self.task)
        self._save(policy, "base")
        return {"warm_up_loss": losses, **self._evaluate(policy)}

    def stage(self, name: str, start: str, seconds: float) -> dict:
        """Train from the policy `start` for about that long, with the base as the reference."""
        plan, device = self.plan, self.measured.device
        init, corr = plan.first_stage if name == "stage_one" else plan.second_stage
        watch = StopAfter(seconds, lambda values: self.measured.put(f"{name}_curve", values))
        trainer = SCoReTrainer(
            model=load_policy(str(self.folder / start), "float32"),
            args=SCoReConfig(
                **plain_settings(device),
                output_dir=str(self.folder / f"{name}_run"),
                objective=name,
                num_generations=8,
                per_device_train_batch_size=plan.rows,
                gradient_accumulation_steps=plan.rollouts // plan.rows,
                local_rollout_forward_batch_size=plan.rollouts,
                max_completion_length=40,
                max_steps=plan.updates,
                learning_rate=plan.learning_rate,
                lr_scheduler_type="constant_with_warmup",
                warmup_steps=3,
                init_kl_coef=init,
                corr_kl_coef=corr,
                stage2_alpha=plan.alpha,
                kl_estimator="k2",
                scale_advantages=True,
                correction_prompt=self.task.CORRECTION_PROMPT,
            ),
            train_dataset=problems_of(self.problems, self.task),
            verifier=Verifier("sums"),
            reference=str(self.folder / "base"),
            processing_class=self.tokenizer,
            callbacks=[watch],
        )
        trainer.train()
        policy = trainer.accelerator.unwrap_model(trainer.model)
        self._save(policy, name)
        return {
            "updates": trainer.state.global_step,
            "rollouts_of_an_update": plan.rollouts,
            "learning_rate": plan.learning_rate,
            "kl_weights": [init, corr],
            "seconds_of_an_update": _median(curve(trainer.state.log_history)["step_time"]),
            **self._evaluate(policy),
        }

    def _save(self, policy, name: str) -> None:
        shutil.rmtree(self.folder / name, ignore_errors=True)
        policy.save_pretrained(self.folder / name)
        self.tokenizer.save_pretrained(self.folder / name)

    def _evaluate(self, policy) -> dict:
        return evaluate(policy, self.tokenizer, self.held_out, self.task)


def _median(values: list[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    measured = Measured(flags.output, flags.device, flags.seconds)
    fast_float32()
    torch.manual_seed(0)
    if flags.model is None and not flags.tiny:
        measured.put("base", {"failed": "No policy was named; expected --model, a folder."})
        return measured.finish()
    tokenizer = sums_tokenizer(flags.model) if flags.model else load_tokenizer(PUZZLE)
    plan = TINY if flags.tiny else Plan()
    with tempfile.TemporaryDirectory() as folder:
        run = Experiment(Path(folder), flags.model or PUZZLE, tokenizer, plan, measured)
        base = measured.take("base", run.base)
        if "accuracy_t1" in base:
            # each stage also loads, saves and evaluates
            half = measured.left() / 2
            one = measured.take("stage_one", lambda: run.stage("stage_one", "base", half - 12))
            start = "stage_one" if "updates" in one else "base"
            rest = max(measured.left() - 15, 1)
            measured.take("stage_two", lambda: run.stage("stage_two", start, rest))
    measured.finish()


if __name__ == "__main__":
    main()
