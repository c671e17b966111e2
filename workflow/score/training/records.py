"""What training records of every turn: sums on each rank, added up once a log."""

import json
import time
from collections import defaultdict
from pathlib import Path

import torch
from transformers import PrinterCallback, TrainerCallback

from score.files.atomic import replace_file
from score.files.digests import file_digest
from score.files.manifest import MANIFEST, read_checked, write_checked
from score.jobs.progress import duration, shown
from score.sampling.rollout import Rollout
from score.training.loss import per_turn_sum
from score.training.selection import expected_updates, is_update

_WHOLE = "/whole"


class TurnSums:
    """Sums over the rollouts since the last log, by name; turns are called t1, t2, …"""

    def __init__(self):
        self.sums: dict[str, torch.Tensor | float] = defaultdict(float)

    def add_rollouts(
        self,
        rollouts: list[Rollout],
        scores: torch.Tensor,
        right: list[list[bool]],
        stated: list[list],
        offline: list[bool] | None = None,
        apart: int = 1,
    ) -> None:
        """Scores (B, N) of rollouts, and which of their attempts are right, and state what.

        apart: how many turns one attempt is from the next: 2 where the policy judges each of them.

        offline: whose first attempt was given, None where that can't be. Reward, length and
        truncation of turn 1 are those of all rollouts, for it is from them that i→c and c→i start.
        """
        for t in range(scores.size(1)):
            self.sums[f"reward_t{t + 1}"] += scores[:, t].sum()
            self.sums[f"tokens_t{t + 1}"] += float(sum(len(r.attempts[t]) for r in rollouts))
            self.sums[f"truncated_t{t + 1}"] += float(sum(r.truncated[t] for r in rollouts))
            self.sums[f"no_answer_t{t + 1}"] += float(sum(row[t] is None for row in stated))
        if scores.size(1) > 1:
            before = torch.tensor([row[-1 - apart] for row in right])
            last = torch.tensor([row[-1] for row in right])
            self.sums["incorrect_to_correct"] += float((~before & last).sum())
            self.sums["correct_to_incorrect"] += float((before & ~last).sum())
            unchanged = torch.tensor([row[-1] == row[-1 - apart] for row in stated])
            self.sums["unchanged"] += float(unchanged.sum())
            self._add_share("right_changed", float((before & ~unchanged).sum()), before.sum())
            self._add_share("wrong_kept", float((~before & unchanged).sum()), (~before).sum())
        if apart > 1:
            self.sums["revised"] += float(sum(bool(r.attempts[-1]) for r in rollouts))
        if offline is not None:
            self.sums["offline"] += float(sum(offline))
            given = [len(r.attempts[0]) for r, o in zip(rollouts, offline, strict=True) if o]
            self.sums["offline_tokens"] += float(sum(given))
        self.sums["rollouts"] += float(len(rollouts))

    def add_tokens(
        self, log_ratio: torch.Tensor | None, entropy: torch.Tensor, turn: torch.Tensor, turns: int
    ) -> None:
        """log π − log π_ref (None: not known), entropies and turns of a micro-batch, (B, T) each."""
        known = {"kl": log_ratio, "entropy": entropy}
        for name, values in known.items():
            if values is None:
                continue
            for t, total in enumerate(per_turn_sum(values, turn, turns).sum(0), start=1):
                self.sums[f"{name}_t{t}"] += total

    def add_equal_groups(self, equal: torch.Tensor, turns: list[int]) -> None:
        """Which rollouts (B, N) are in groups that are paid alike, counted for these turns, 1 … N."""
        for t in turns:
            self.sums[f"equal_groups_t{t}"] += float(equal[:, t - 1].sum())

    def add_idle_rows(self, idle: torch.Tensor) -> None:
        """Which rows (S,) of a micro-batch had no gradient to compute."""
        self._add_share("idle_rows", idle.sum(), len(idle))

    def add_sampler_gap(
        self, logps: torch.Tensor, sampler_logps: torch.Tensor, turn: torch.Tensor
    ) -> None:
        """How far a sampler's log-probabilities are from the trainer's, (B, T); nan tells nothing."""
        gaps = (logps - sampler_logps)[(turn > 0) & ~sampler_logps.isnan()].abs()
        self._add_share("sampler_gap", gaps.sum(), gaps.numel())

    def add_second_opinions(self, counts: list[tuple[int, int]]) -> None:
        """For each turn how many second opinions differ from the verdict, and how many there are."""
        for t, (differing, given) in enumerate(counts, start=1):
            self._add_share(f"second_opinion_differs_t{t}", differing, given)

    def _add_share(self, name: str, part: float, whole: float) -> None:
        """A mean that is not one over rollouts, but over as many as `whole`."""
        self.sums[name] += part
        self.sums[f"{name}{_WHOLE}"] += float(whole)

    def means(self, accelerator) -> dict[str, float]:
        """Means over all ranks, per rollout (entropy: per token); starts anew. Empty without sums.

        right_changed and wrong_kept are shares of the attempts before the last that are right, or
        wrong, and are followed by another stated answer, or by the same.

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
        wholes = {n.removesuffix(_WHOLE): total.pop(n) for n in names if n.endswith(_WHOLE)}
        counts = dict.fromkeys(total, rollouts) | wholes
        counts |= {n: total[n.replace("entropy", "tokens")] for n in total if "entropy" in n}
        if "kl_t1" in total:
            counts["kl_t1"] -= total.get("offline", 0.0)
        counts["entropy_t1"] -= given
        return {name: value / counts[name] for name, value in total.items() if counts[name]}


_SECONDS = 5.0


class ProgressLine(TrainerCallback):
    """Prints stage, step, `shown` and time left from the first process; each validation in any case.

    total_tokens: tokens whose sampling ends the training, which then says how many updates it expects.
    """

    def __init__(self, stage: str, total_tokens: int | None = None):
        self.stage, self.total_tokens = stage, total_tokens

    def on_train_begin(self, args, state, control, **kwargs):
        self.start, self.first, self.last = time.monotonic(), state.global_step, 0.0
        if state.is_world_process_zero and self.first:
            print(f"{self.stage}: resumed after step {self.first}", flush=True)

    def on_log(self, args, state, control, logs=None, **kwargs):
        now, done = time.monotonic(), state.global_step - self.first
        due = now - self.last > _SECONDS or state.global_step == state.max_steps
        due = due or "validation_accuracy_t1" in (logs or {})
        if not (state.is_world_process_zero and due and done and is_update(logs or {})):
            return
        self.last = now
        updates = expected_updates(state.log_history, state.max_steps, self.total_tokens)
        left = (now - self.start) / done * (updates - state.global_step)
        of = " of about " if updates < state.max_steps else "/"
        step = f"{state.global_step}{of}{updates}"
        print(f"{self.stage} step {step}  {shown(logs)}  {duration(left)} left", flush=True)


def write_records(
    path: str, log_history: list[dict], stage: str, chosen: tuple[int, str] | None = None
) -> None:
    """training.jsonl, a line an update: the trainer's own history, which checkpoints carry along.

    chosen: the update whose weights became the policy, and by what; its line gets `chosen_by`.
    """
    lines = []
    for record in filter(is_update, log_history):
        line = {"stage": stage, **record}
        if chosen is not None and record["step"] == chosen[0]:
            line["chosen_by"] = chosen[1]
        lines.append(json.dumps(line, sort_keys=True) + "\n")
    replace_file(path, "".join(lines).encode())


def note_records(path: str, policy: str) -> None:
    """Add the digest of training.jsonl to the manifest of the policy that it tells of."""
    manifest = Path(policy) / MANIFEST
    write_checked(manifest, {**read_checked(manifest), "records": file_digest(path)})


def silence_trainer(trainer) -> None:
    """Drop the library's own printing of every record; `ProgressLine` is for people."""
    trainer.remove_callback(PrinterCallback)
