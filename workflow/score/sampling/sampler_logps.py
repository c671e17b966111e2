"""What a sampler took its own tokens' log-probabilities to be.

Where its arithmetic is not the trainer's (vLLM, or bfloat16 with a cache of keys and values), attempts
come from a slightly other distribution than the one that is trained, and each token counts with the
ratio of the two. Legend of shapes: R rows of a batch, V vocabulary, T sampled positions.
"""

from score.sampling.rollout import Rollout


def tell_logps(rollouts: list[Rollout], logps: list[list[list[float]]]) -> None:
    """Give rollouts the log-probabilities of their tokens: of each turn, of each rollout."""
    for rollout, told in zip(rollouts, zip(*logps, strict=True), strict=True):
        rollout.sampler_logps = list(told)
