"""Attempts that end at lengths drawn beforehand, so that two trainers sample the same number of tokens.

Legend of shapes: R rows of a batch, V vocabulary.

Tokens are drawn as always. At its drawn length an attempt gets the end-of-turn token, and before that
any token that would end it is replaced, as if a few of the vocabulary's tokens ended attempts.
"""

import random

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from score.benchmarks.clock import Clock
from score.sampling.generate import HFGenerate, cut_after_stop


class Lengths:
    """Of R rollouts the lengths of two attempts. equal: all have `new` tokens; else they are those of
    attempts which each token ends with the probability 4 / new, cut off at `new`."""

    def __init__(self, rollouts: int, new: int, equal: bool):
        drawn = random.Random(1)

        def length() -> int:
            return next((n for n in range(1, new) if drawn.random() < 4 / new), new)

        self.turns = [[new if equal else length() for _ in range(rollouts)] for _ in range(2)]

    def of_both(self) -> list[int]:
        """Of each rollout the tokens of both attempts: one attempt of a trainer of one turn."""
        return [sum(pair) for pair in zip(*self.turns, strict=True)]


class EndsAtLengths(LogitsProcessor):
    """The same for transformers' `generate`. lengths: of R rows; stop: what ends an attempt."""

    def __init__(self, lengths: list[int], stop: list[int], end: int):
        self.lengths, self.stop, self.end = torch.tensor(lengths), stop, end
        self.prompt: int | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (R, V) of the next tokens, behind input_ids (R, L)."""
        self.prompt = self.prompt or input_ids.size(1)
        ends = self.lengths == input_ids.size(1) - self.prompt + 1
        scores[:, self.stop] = -torch.inf
        if ends.any():
            scores[ends] = -torch.inf
            scores[ends, self.end] = 0.0
        return scores


def ending_at(lengths: list[int], stop: list[int], end: int) -> LogitsProcessorList:
    return LogitsProcessorList([EndsAtLengths(lengths, stop, end)])


class _OfTurns:
    """What both samplers below share: calls for turn 1 and turn 2 alternate, and each is timed."""

    def prepare(self, clock: Clock, lengths: Lengths) -> None:
        self.clock, self.drawn = clock, lengths
        self.turn = self.sampled = 0

    def __call__(self, prompts, seeds):
        self.turn = self.turn % 2 + 1
        with self.clock.during(f"sampling, turn {self.turn}"):
            attempts = self.sample(prompts, seeds)
        self.sampled += sum(map(len, attempts))
        return attempts


class ProductGenerate(_OfTurns, HFGenerate):
    """The project's sampler, with attempts that end at given lengths."""

    def sample(self, prompts, seeds):
        return HFGenerate.__call__(self, prompts, seeds)

    def _chooser(self, draws, rows):
        choose, told = super()._chooser(draws, rows)
        lengths, stop = self.drawn.turns[self.turn - 1], self.config.eos_token_id
        end, another = stop[0], next(i for i in range(len(stop) + 1) if i not in stop)

        def chosen(logits, here, position):
            tokens = choose(logits, here, position)
            tokens = [another if token in stop else token for token in tokens]
            return [
                end if position + 1 == lengths[row] else token
                for row, token in zip(here, tokens, strict=True)
            ]

        return chosen, told


class PlainGenerate(_OfTurns, HFGenerate):
    """transformers' `generate` on whole prompts, with attempts that end at given lengths."""

    def sample(self, prompts, seeds):
        lengths, stop = self.drawn.turns[self.turn - 1], self.config.eos_token_id
        return generated(self.model, self.config, prompts, ending_at(lengths, stop, stop[0]))


@torch.no_grad()
def generated(
    model,
    config: GenerationConfig,
    prompts: list[list[int]],
    processors: LogitsProcessorList | None = None,
) -> list[list[int]]:
    """Attempts at R prompts by transformers' `generate`: padded on the left, nothing shared or kept."""
    longest, pad, device = max(map(len, prompts)), config.pad_token_id, model.device
    ids = [[pad] * (longest - len(prompt)) + prompt for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    training = model.training
    model.eval()
    whole = model.generate(
        input_ids=torch.tensor(ids, device=device),
        attention_mask=torch.tensor(mask, device=device),
        generation_config=config,
        logits_processor=processors,
    )
    model.train(training)
    stop = set(config.eos_token_id)
    return [cut_after_stop(row, stop) for row in whole[:, longest:].tolist()]
