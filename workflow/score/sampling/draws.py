"""Sampling that depends on nothing but what is sampled: no generator is shared between attempts.

Every token of every attempt has a uniform number of its own, which follows from (random_seed,
problem, sample, turn, correction, position). The token is the one at which the policy's cumulative
distribution passes that number. So an attempt is the same whichever attempts share its batch,
whichever rank samples it and however often sampling was interrupted before, up to the rounding of
the policy's own arithmetic, which may differ between batches of different shapes.
"""

import hashlib
import json
import random

import torch

BLOCK = 256  # tokens of the vocabulary whose probabilities are summed up first


def turn_seeds(
    random_seed: int,
    problem_id: str,
    sample: int,
    turns: int,
    correction: int = 0,
    critiques: bool = False,
) -> list[int]:
    """A seed below 2^63 for each generation of one rollout: N attempts, in order.

    With `critiques` each attempt after the first follows a critique, which has a seed as well. The
    corrections of a first attempt share its seed and no other; neither the number of corrections nor
    critiques change the seed of any attempt.
    """
    keys = [[random_seed, problem_id, sample, 1]]
    for t in range(2, turns + 1):
        attempt = [random_seed, problem_id, sample, t, *([correction] if correction else [])]
        critique = [random_seed, problem_id, sample, t, correction, "critique"]
        keys += [critique, attempt] if critiques else [attempt]
    digests = [hashlib.sha256(json.dumps(key).encode()).digest() for key in keys]
    return [int.from_bytes(digest[:8], "big") >> 1 for digest in digests]


def uniforms(seeds: list[int], length: int) -> torch.Tensor:
    """Numbers in [0, 1), (R, length) in float64, a row a seed."""
    generators = [random.Random(seed) for seed in seeds]
    rows = [[generator.random() for _ in range(length)] for generator in generators]
    return torch.tensor(rows, dtype=torch.float64)


def draw_tokens(logits: torch.Tensor, temperature: float, draws: torch.Tensor) -> torch.Tensor:
    """Tokens (R, 1) by inverse CDF, from logits (R, V) and uniform numbers (R, 1).

    First the block of the vocabulary in which the cumulative distribution passes the number, then the
    token in it. Sums are in float64: over a vocabulary of 10^5 tokens those of float32 lose the rare
    ones.
    """
    probabilities = (logits.float() / temperature).softmax(-1)
    if padding := -logits.size(1) % BLOCK:
        probabilities = torch.nn.functional.pad(probabilities, (0, padding))
    blocks = probabilities.unflatten(1, (-1, BLOCK))
    ends = blocks.sum(-1, dtype=torch.float64).cumsum(-1)
    numbers = draws * ends[:, -1:]  # the sum is 1 up to rounding only
    block = _passed(ends, numbers)
    numbers = numbers - torch.nn.functional.pad(ends, (1, 0)).gather(1, block)
    index = block[:, :, None].expand(-1, -1, BLOCK)
    inner = blocks.gather(1, index).squeeze(1).double().cumsum(-1)
    return block * BLOCK + _passed(inner, numbers)


def _passed(cumulated: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Where sums (R, N) first exceed numbers (R, 1): (R, 1), never at an addend of 0."""
    total = cumulated[:, -1:]
    below = torch.minimum(numbers, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(cumulated, below, right=True)
