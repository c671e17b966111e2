"""The frozen π_ref of the KL, and log-probabilities without gradient under it or the policy.

Legend of shapes: B rollouts, N turns, T token positions behind the first prompt.
"""

from contextlib import nullcontext

import torch
from trl.models import prepare_deepspeed
from trl.trainer.utils import add_fused_lm_head, create_model_from_path, use_adapter

from score.policies.distribution import without_dropout
from score.policies.lineage import recorded_reference
from score.policies.load import is_adapter, load_policy
from score.training import loss
from score.training.batches import rows_of, token_logps


class WithReference:
    """The part of SCoReTrainer that holds π_ref: its own weights, or the policy's below an adapter."""

    def _prepare_reference(self, reference: str | None) -> None:
        """Load π_ref, unless it is the policy's own weights below an adapter."""
        policy = self.accelerator.unwrap_model(self.model)
        adapted = hasattr(policy, "peft_config")
        below = policy.get_base_model() if adapted else policy
        start = below.config._name_or_path
        reference = reference or recorded_reference(start, self.args.cache_dir)
        self.reference = reference or start
        self.reference_is_below_adapter = adapted and reference in (None, start)
        if self.reference_is_below_adapter or not self.holds:
            return  # its weights are there already, or none are asked for: no turn's KL has a weight
        self.ref_model = self._load_reference(self.reference, below)
        self._prepare_scoring(self.ref_model)
        self.ref_model.requires_grad_(False)
        if self.is_deepspeed_enabled:
            self.ref_model = prepare_deepspeed(self.ref_model, self.accelerator)
        else:
            self.ref_model = self.accelerator.prepare_model(self.ref_model, evaluation_mode=True)

    def _load_reference(self, path: str, like):
        """The weights at `path` in the precision of `like`, with the head that scores tokens."""
        if is_adapter(path):
            # Apart from its base, as a policy that is trained: merged weights round otherwise.
            precision = str(like.dtype).removeprefix("torch.")
            model = load_policy(
                path,
                precision,
                self.args.cache_dir,
                trainable=True,
                attn_implementation=like.config._attn_implementation,
                trust_remote_code=self.args.trust_remote_code,
            ).eval()
            add_fused_lm_head(model.get_base_model(), temperature=self.temperature)
            return model
        model = create_model_from_path(
            path,
            cache_dir=self.args.cache_dir,
            dtype=like.dtype,
            attn_implementation=like.config._attn_implementation,
            device_map=None,
            trust_remote_code=self.args.trust_remote_code,
        )
        add_fused_lm_head(model, temperature=self.temperature)
        return model

    @torch.no_grad()
    def _no_grad_logps(self, batch: dict[str, torch.Tensor], reference: bool) -> torch.Tensor:
        """Log-probabilities (B, T) under π_ref or the policy, a few rows at a time.

        With micro_batch_tokens all at once, since ranks must run as many passes under ZeRO-3.
        """
        by_tokens = self.args.micro_batch_tokens is not None
        rows = len(batch["turn"]) if by_tokens else self.args.local_rollout_forward_batch_size
        parts = [rows_of(batch, i, rows) for i in range(0, len(batch["turn"]), rows)]
        model = self.ref_model if reference and self.ref_model is not None else self.model
        below = reference and self.reference_is_below_adapter
        policy = self.accelerator.unwrap_model(self.model)
        adapter = use_adapter(policy, None) if below else nullcontext()
        with without_dropout(self.model), self.accelerator.autocast(), adapter:
            return torch.cat([token_logps(model, part)[0] for part in parts])

    def _attempt_log_ratios(self, batches: list[dict[str, torch.Tensor]]) -> torch.Tensor:
        """log π(y_t) − log π_ref(y_t) of every attempt, (B, N); a sum over a rollout's sequences."""
        rows, of = [], torch.cat([batch["rollout"] for batch in batches])
        for batch in batches:
            difference = self._no_grad_logps(batch, reference=False) - batch["ref_logps"]
            rows.append(loss.per_turn_sum(difference, batch["turn"], self.turns))
        ratios = torch.cat(rows)
        return ratios.new_zeros(int(of.max()) + 1, ratios.size(1)).index_add(0, of, ratios)
