"""What training records of every turn: sums on each rank, added up once a log."""

import json
import time
from collections import defaultdict
from pathlib import Path

import torch
from transformers import PrinterCallback, TrainerCallback

from score.jobs.progress import duration
from score.sampling.rollout import Rollout
from score.training.loss import per_turn_sum


class TurnSums:
    """Sums over the rollouts since the last log, by name; turns are called t1, t2, …"""

    def __init__(self):
        self.sums: dict[str, torch.Tensor | float] = defaultdict(float)

    def add_rollouts(
        self,
        rollouts: list[Rollout],
        scores: torch.Tensor,
        stated: list[list],
        offline: list[bool] | None = None,
    ) -> None:
        """Scores (B, N) of rollouts, and the stated answers of their attempts.

        offline: whose first attempt was given, None where that can't be. Reward, length and
        truncation of turn 1 are those of all rollouts, for it is from them that i→c and c→i start.
        """
        for t in range(scores.size(1)):
            self.sums[f"reward_t{t + 1}"] += scores[:, t].sum()
            self.sums[f"tokens_t{t + 1}"] += float(sum(len(r.attempts[t]) for r in rollouts))
            self.sums[f"truncated_t{t + 1}"] += float(sum(r.truncated[t] for r in rollouts))
        if scores.size(1) > 1:
            before, last = scores[:, -2], scores[:, -1]
            self.sums["incorrect_to_correct"] += ((before < 1) & (last == 1)).sum()
            self.sums["correct_to_incorrect"] += ((before == 1) & (last < 1)).sum()
            self.sums["unchanged"] += float(sum(row[-1] == row[-2] for row in stated))
        if offline is not None:
            self.sums["offline"] += float(sum(offline))
            given = [len(r.attempts[0]) for r, o in zip(rollouts, offline, strict=True) if o]
            self.sums["offline_tokens"] += float(sum(given))
        self.sums["rollouts"] += float(len(rollouts))

    def add_tokens(
        self, log_ratio: torch.Tensor, entropy: torch.Tensor, turn: torch.Tensor, turns: int
    ) -> None:
        """log π − log π_ref, entropies and turns of a micro-batch, (B, T) each."""
        for name, values in (("kl", log_ratio), ("entropy", entropy)):
            for t, total in enumerate(per_turn_sum(values, turn, turns).sum(0), start=1):
                self.sums[f"{name}_t{t}"] += total

    def means(self, accelerator) -> dict[str, float]:
        """Means over all ranks, per rollout (entropy: per token); starts anew. Empty without sums.

        KL and entropy of turn 1 are means over the attempts that the policy itself sampled, and
        absent where it sampled none.
        """
        if not self.sums:
            return {}
        names = sorted(self.sums)
        values = [torch.as_tensor(self.sums[n], device=accelerator.device).float() for n in names]
        totals = accelerator.reduce(torch.stack(values), "sum").tolist()
        self.sums.clear()
        total = dict(zip(names, totals, strict=True))
        rollouts, given = total.pop("rollouts"), total.pop("offline_tokens", 0.0)
        counts = dict.fromkeys(total, rollouts)
        counts |= {n: total[f"tokens_{n[-2:]}"] for n in total if "entropy" in n}
        counts["kl_t1"] -= total.get("offline", 0.0)
        counts["entropy_t1"] -= given
        return {name: value / counts[name] for name, value in total.items() if counts[name]}


_SECONDS = 5.0


_SHOWN = ("reward_t", "kl_t", "unchanged", "mean_token_accuracy")


class ProgressLine(TrainerCallback):
    """Prints stage, step, rewards or the like, and time left from the first process."""

    def __init__(self, stage: str):
        self.stage = stage

    def on_train_begin(self, args, state, control, **kwargs):
        self.start, self.first, self.last = time.monotonic(), state.global_step, 0.0
        if state.is_world_process_zero and self.first:
            print(f"{self.stage}: resumed after step {self.first}", flush=True)

    def on_log(self, args, state, control, logs=None, **kwargs):
        now, done = time.monotonic(), state.global_step - self.first
        due = now - self.last > _SECONDS or state.global_step == state.max_steps
        if not (state.is_world_process_zero and due and done and _of_update(logs or {})):
            return
        self.last = now
        left = (now - self.start) / done * (state.max_steps - state.global_step)
        names = [name for start in _SHOWN for name in sorted(logs) if name.startswith(start)]
        shown = "  ".join(f"{name} {logs[name]:.3f}" for name in names)
        step = f"{state.global_step}/{state.max_steps}"
        print(f"{self.stage} step {step}  {shown}  {duration(left)} left", flush=True)


def write_records(path: str, log_history: list[dict], stage: str) -> None:
    """training.jsonl, a line an update: the trainer's own history, which checkpoints carry along."""
    lines = [
        json.dumps({"stage": stage, **record}, sort_keys=True)
        for record in log_history
        if _of_update(record)
    ]
    Path(path).write_text("".join(line + "\n" for line in lines))


def _of_update(record: dict) -> bool:
    """Whether the trainer recorded an update, and not the whole training at its end."""
    return "learning_rate" in record


def silence_trainer(trainer) -> None:
    """Drop the library's own printing of every record; `ProgressLine` is for people."""
    trainer.remove_callback(PrinterCallback)
