"""Two attempts at each problem, against two separate generations with transformers' `generate`.

A random 17 M Llama, K = 8 rollouts of one problem, at several lengths of prompts and first attempts; the
second attempt has 32 tokens and the message between them 20. All attempts reach their limit. The
figure is how many times as fast the project's sampler is.
"""

import tempfile
from functools import partial
from typing import NamedTuple

import torch

from score.benchmarks.clock import Clock, by_turns, timed
from score.benchmarks.figures import Target, ratio
from score.benchmarks.lengths import Lengths, PlainGenerate, ProductGenerate
from score.benchmarks.measured import Left, Measured, Wanted, part_flags
from score.benchmarks.models import random_policy
from score.benchmarks.trainers import K, precision_on
from score.policies.load import load_policy
from score.sampling.generate import sampling_config
from score.sampling.prompts import Bridge
from score.sampling.rollout import sample_rollouts

BRIDGE, SECOND, STOP, PAD = 20, 32, 1, 0


class Cell(NamedTuple):
    """Tokens of a prompt and of a first attempt, the target, seconds that it takes, and rounds before
    those that count."""

    prompt: int
    first: int
    target: Target | None
    needs: float = 0
    warm_up: int = 0


FROM_128, AT_512 = Target(least=1.3), Target(least=2.0)
CELLS = [
    Cell(128, 32, FROM_128, 20, warm_up=1),
    Cell(512, 32, AT_512, 25),
    Cell(128, 128, FROM_128, 25),
    Cell(512, 128, AT_512, 40),
    Cell(32, 32, None, 14),
    Cell(512, 512, AT_512, 100),
    Cell(128, 512, FROM_128, 70),
]
TINY = [Cell(8, 4, FROM_128)]


def measure(policy, device: str, cell: Cell, second: int, rounds: int, left: Left) -> dict:
    drawn = torch.Generator().manual_seed(0)
    vocabulary = policy.config.vocab_size
    row, between = (
        torch.randint(3, vocabulary, (n,), generator=drawn).tolist() for n in (cell.prompt, BRIDGE)
    )
    calls = {
        kind.__name__: timed(
            partial(_sample, kind, policy, device, cell, second, row, between), device
        )
        for kind in (ProductGenerate, PlainGenerate)
    }
    taken = by_turns(calls, rounds, cell.warm_up, left)
    ours, plain = taken["ProductGenerate"], taken["PlainGenerate"]
    return {"times as fast as two generations": ratio(plain, ours, cell.target)}


def _sample(kind, policy, device, cell: Cell, second: int, row: list[int], between: list[int]):
    lengths = Lengths(K, 1, equal=True)
    lengths.turns = [[cell.first] * K, [second] * K]
    config = sampling_config(max(cell.first, second), 1.0, {STOP}, PAD)
    generate = kind(policy, config, K)
    generate.prepare(Clock(device), lengths)
    rollouts = sample_rollouts([row] * K, Bridge((STOP, *between), STOP), generate, {STOP})
    assert [len(a) for a in rollouts[0].attempts] == [cell.first, second]


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    device, tiny = flags.device, flags.tiny
    measured = Measured(flags.output, device, flags.seconds)
    with tempfile.TemporaryDirectory() as scratch:
        folder = random_policy("tiny" if tiny else "17M", scratch, device, precision_on(device))
        policy = load_policy(folder, precision_on(device)).to(device).eval()
    sizes = (4, 1) if tiny else (SECOND, 5)
    measured.take_all(
        [
            Wanted(
                f"prompt of {cell.prompt}, first attempt of {cell.first}",
                partial(measure, policy, device, cell, *sizes),
                cell.needs,
            )
            for cell in (TINY if tiny else CELLS)
        ]
    )
    measured.finish()


if __name__ == "__main__":
    main()
