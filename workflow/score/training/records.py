"""What training records of every turn: sums on each rank, added up once a log."""

from collections import defaultdict

import torch

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
        answers: list[list],
        offline: list[bool] | None = None,
    ) -> None:
        """Scores (B, N) of rollouts, and the answers that their attempts state.

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
            self.sums["unchanged"] += float(sum(row[-1] == row[-2] for row in answers))
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
