"""What the trainer records of every update: of its rollouts, of its gradient, and what was sampled."""

import torch

from score.training.health import paid_turns
from score.training.methods.pieces import standing


class RecordsUpdates:
    """The part of SCoReTrainer that fills the records; `_sampled` is the set of rollouts under way."""

    def _tell_of_update(self, number: int) -> None:
        """Record the rollouts that one of the updates of a set is made with."""
        each = len(self._sampled[0]) // self.args.mini_batches
        part = slice(number * each, (number + 1) * each)
        rollouts, scores, right, stated, equal, offline = (
            None if of_set is None else of_set[part] for of_set in self._sampled
        )
        if self.method.verifies:
            scores = standing(scores)
        apart = self.method.apart
        self._sums.add_rollouts(rollouts, scores, right, stated, offline, apart=apart)
        self._sums.add_equal_groups(equal, paid_turns(self.method, self.args, self.turns))
        if number:
            self.record({"sampled_tokens": 0.0})  # its rollouts were sampled for the first update

    def _count_tokens(self, count: int, rounds: int) -> None:
        """Tokens that this rank sampled for a set; the record has those of all ranks."""
        self.record({"sampled_tokens": self._over_ranks(count)})
        if self.args.dynamic_sampling_rounds:
            self.record({"dynamic_sampling_rounds": float(rounds)})

    def _over_ranks(self, count: int) -> float:
        """The sum of a number of each rank."""
        counted = torch.tensor(count, device=self.accelerator.device)
        return self.accelerator.reduce(counted, "sum").item()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        means = self._sums.means(self.accelerator)
        if self.method.alternates:
            means.pop("offline", None)  # the attempts that it corrects are its own
        if means:
            sigma = self.reward_deviation
            means["reward_deviation"] = sigma if self.method.roles == 1 else sigma[0]
            if self.method.roles > 1:
                means["verifier_deviation"] = sigma[1]
        if means and self.args.init_kl_target is not None:
            means["init_kl_coef"] = self.kl_weights[0]
        if "grad_norm" in logs:
            clipped = 0 < self.args.max_grad_norm < logs["grad_norm"]
            means["gradient_clipped"] = float(clipped)
        self.record(means)
        super().log(logs, start_time)

    def record_under_way(self) -> dict[str, float]:
        """What `Selection.spent` reads of the record of the update that is being made."""
        tokens = sum(self._metrics["train"]["sampled_tokens"])
        return {"step": self.state.global_step, "learning_rate": 0.0, "sampled_tokens": tokens}

    def record(self, values: dict[str, float]) -> None:
        """Put numbers into the record of the update under way."""
        for name, value in values.items():
            self._metrics["train"][name].append(value)
