"""The order in which training sees its problems or examples."""

from collections.abc import Callable, Iterator

import torch
from torch.utils.data import Sampler


class ProblemSampler(Sampler[int]):
    """Indices of `size` problems, each `k` times in a row, `problems` of them for an update.

    What an update samples is handed out `steps` times, once for each of its accumulation steps. The
    order follows from seed and epoch alone (`epoch` tells the current one), so that training resumed
    in a later epoch sees its problems in that epoch's order. Problems left over at the end of an
    epoch wait for another.
    """

    def __init__(
        self, size: int, problems: int, k: int, steps: int, seed: int, epoch: Callable[[], int]
    ):
        self.size, self.problems, self.k, self.steps = size, problems, k, steps
        self.seed, self.epoch = seed, epoch

    def __iter__(self) -> Iterator[int]:
        order = epoch_order(self.size, self.seed, self.epoch())
        for start in range(0, self.size - self.size % self.problems, self.problems):
            for _ in range(self.steps):
                for index in order[start : start + self.problems]:
                    yield from [index] * self.k

    def __len__(self) -> int:
        return self.size // self.problems * self.problems * self.k * self.steps


def epoch_order(size: int, seed: int, epoch: int) -> list[int]:
    """The indices 0 … size − 1 as one epoch shuffles them."""
    generator = torch.Generator().manual_seed(seed + 1_000_003 * epoch)
    return torch.randperm(size, generator=generator).tolist()


def whole_order(size: int, count: int, seed: int) -> list[int]:
    """The first `count` indices of one epoch after another, each shuffled anew.

    Training that is given this as its one epoch can't mistake which epoch it is resumed in.
    """
    epochs = -(-count // size)
    return [i for epoch in range(epochs) for i in epoch_order(size, seed, epoch)][:count]
