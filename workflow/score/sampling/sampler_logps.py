"""What a sampler took its own tokens' log-probabilities to be.

Where its arithmetic is not the trainer's (vLLM, or bfloat16 with a cache of keys and values), attempts
come from a slightly other distribution than the one that is trained, and each token counts with the
ratio of the two. Legend of shapes: R rows of a batch, V vocabulary, T sampled positions.
"""

import torch
from transformers import LogitsProcessor

from score.sampling.rollout import Rollout


class SamplerLogps(LogitsProcessor):
    """Notes the log-probability of every sampled token; changes no logits.

    Only the distribution of the latest position is kept, until the next call shows which token was
    drawn from it. temperature: of sampling; the logits that it is called with are not yet divided by
    it, so it must come before all that changes them.
    """

    def __init__(self, temperature: float):
        self.temperature = temperature
        self.latest: torch.Tensor | None = None  # log-probabilities (R, V) of the next position
        self.noted: list[torch.Tensor] = []  # (R,) a position

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self._note(input_ids)
        self.latest = (scores.float() / self.temperature).log_softmax(-1)
        return scores

    def of(self, ids: torch.Tensor, start: int) -> list[list[float]]:
        """R lists of T log-probabilities; ids: the whole final rows, sampled from `start` on."""
        if len(self.noted) < ids.size(1) - start:
            self._note(ids)
        return torch.stack(self.noted, dim=1).tolist()

    def _note(self, ids: torch.Tensor) -> None:
        if self.latest is not None:
            self.noted.append(self.latest.gather(1, ids[:, -1:]).squeeze(1))
            self.latest = None


def tell_logps(rollouts: list[Rollout], logps: list[list[list[float]]]) -> None:
    """Give rollouts the log-probabilities of their tokens: of each turn, of each rollout."""
    for rollout, told in zip(rollouts, zip(*logps, strict=True), strict=True):
        rollout.sampler_logps = list(told)
