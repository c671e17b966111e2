"""The loss of a micro-batch: which of the two policy losses, and what it is told and recorded.

Legend of shapes: S sequences of a micro-batch, T positions.
"""

import torch
from transformers.integrations import is_deepspeed_zero3_enabled

from score.training import loss
from score.training.advantages import divisor
from score.training.idle_rows import idle_rows, logps_with_idle


class ComputesLoss:
    """The part of SCoReTrainer that works out the loss of a micro-batch."""

    def _compute_loss(self, model, inputs):
        idle = self._idle_rows(inputs)
        with self.accelerator.autocast():
            logps, entropy = logps_with_idle(model, self._plain_model(), inputs, idle)
        if idle is not None:
            self._sums.add_idle_rows(idle)
        total = (self._clipped if self.method.clipped else self._reinforce)(logps, inputs)
        log_ratio = logps.detach() - inputs["ref_logps"] if self.holds else None
        self._sums.add_tokens(log_ratio, entropy.detach(), inputs["turn"], self.turns)
        if "sampler_logps" in inputs:
            self._sums.add_sampler_gap(logps.detach(), inputs["sampler_logps"], inputs["turn"])
        # by its rows: steps have equally many, micro-batches of a step may not
        return total * inputs.get("share", 1.0) / self.current_gradient_accumulation_steps

    def _idle_rows(self, inputs: dict) -> torch.Tensor | None:
        """Rows (S,) of a micro-batch that have no gradient; None where all may have one.

        Under ZeRO-3 every pass gathers weights from all ranks, which then need as many passes.
        """
        return None if self.holds or is_deepspeed_zero3_enabled() else idle_rows(inputs)

    def _reinforce(self, logps: torch.Tensor, inputs: dict) -> torch.Tensor:
        in_loss = self.holds and self.args.kl_estimator == "k2"
        return loss.policy_loss(
            logps,
            inputs["turn"],
            inputs["advantages"],
            ref_logps=inputs["ref_logps"] if in_loss else None,
            kl_weights=self.kl_weights if in_loss else None,
            old_logps=inputs.get("sampler_logps"),
            ratio_cap=self.args.importance_ratio_cap,
            divisor=divisor(self.reward_deviation, self.args.scale_advantages),
            sequences=self._sequences(),
        )

    def _clipped(self, logps: torch.Tensor, inputs: dict) -> torch.Tensor:
        old, weights = inputs.get("old_logps", logps.detach()), 1.0
        if "sampler_logps" in inputs:
            weights = loss.token_ratios(
                old, inputs["sampler_logps"], self.args.importance_ratio_cap
            )
        return loss.clipped_loss(
            logps,
            inputs["turn"],
            inputs["advantages"],
            old,
            (self.args.clip_low, self.args.clip_high),
            weights=weights,
            divisor=inputs["mean_tokens"],
            sequences=self._sequences(),
        )

    def _sequences(self) -> int:
        """How many sequences a rollout has in a batch."""
        return 1 if self.bridge.history is None else self.turns
