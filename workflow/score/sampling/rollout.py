"""Sampling all attempts at a problem, each turn continuing on the token ids of the one before.

Legend of shapes: R rollouts, N turns, L positions of a padded batch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import NamedTuple

from score.sampling.plain_prompts import plain_prompts_of
from score.sampling.prompts import Bridge

# Prompts as token ids in, attempts as token ids out, in the same order. The second argument holds a
# seed for each attempt, or is None where attempts need not be the same the next time.
Generate = Callable[[list[list[int]], list[int] | None], list[list[int]]]


class Sequence(NamedTuple):
    """Token ids that a policy reads in one pass, for each the turn that wrote it (0: none), and its
    log-probability as the sampler told it (0 where no turn wrote it); empty where it tells none."""

    ids: list[int]
    turn: list[int]
    sampler_logps: list[float]


@dataclass
class Rollout:
    """All attempts at one problem, as token ids.

    prompt: ids up to the first attempt. attempts: N lists, each with what ended it unless it was
    truncated. bridges: the N − 1 runs of ids between them, critiques included. truncated: per
    turn, whether the attempt ran into the token limit. sampler_logps: of each attempt the
    log-probabilities of its tokens as its sampler tells them; empty where it tells none. critiques:
    the N − 1 that the policy wrote between attempts; empty where it was asked for none. contexts: the
    N − 1 runs of ids on which the attempts after the first were sampled; empty where each is the whole
    conversation before.
    """

    prompt: list[int]
    attempts: list[list[int]]
    bridges: list[list[int]]
    truncated: list[bool]
    sampler_logps: list[list[float]] = field(default_factory=list)
    critiques: list[list[int]] = field(default_factory=list)
    contexts: list[list[int]] = field(default_factory=list)

    def copy(self) -> "Rollout":
        """A rollout of the same runs of ids, to which more can be added."""
        return Rollout(**{name: list(runs) for name, runs in vars(self).items()})

    def sequences(self) -> list[Sequence]:
        """The rollout as a policy reads it: one sequence of all attempts, or with `contexts` one an
        attempt, each of which is labelled with its turn there and is context elsewhere."""
        if not self.contexts:
            return [Sequence(*self.tokens(), self.token_logps())]
        told = self.sampler_logps or [[]] * len(self.attempts)
        return [
            Sequence(
                context + attempt,
                [0] * len(context) + [turn] * len(attempt),
                [0.0] * len(context) + logps if self.sampler_logps else [],
            )
            for turn, (context, attempt, logps) in enumerate(
                zip([self.prompt, *self.contexts], self.attempts, told, strict=True), start=1
            )
        ]

    def tokens(self) -> tuple[list[int], list[int]]:
        """The whole conversation as ids, and for each id the turn that wrote it (0: none)."""
        ids, turn = list(self.prompt), [0] * len(self.prompt)
        for t, attempt in enumerate(self.attempts):
            ids += attempt
            turn += [t + 1] * len(attempt)
            if t < len(self.bridges):
                ids += self.bridges[t]
                turn += [0] * len(self.bridges[t])
        return ids, turn

    def latest(self) -> list[int]:
        """The conversation as if the latest attempt were the only one: prompt, attempt, bridge."""
        return self.prompt + self.attempts[-1] + self.bridges[-1]

    def token_logps(self) -> list[float]:
        """`sampler_logps` laid along the ids of `tokens`, 0 where no turn wrote one; empty without."""
        if not self.sampler_logps:
            return []
        logps = [0.0] * len(self.prompt)
        for t, attempt in enumerate(self.sampler_logps):
            logps += attempt + [0.0] * (len(self.bridges[t]) if t < len(self.bridges) else 0)
        return logps


def sample_rollouts(
    prompts: list[list[int]],
    bridge: Bridge,
    generate: Generate,
    stop_ids: set[int],
    turns: int = 2,
    seeds: list[list[int]] | None = None,
) -> list[Rollout]:
    """R rollouts for R prompts: attempt 1 on the prompt, each later one on all that came before.

    seeds: R lists of a seed for each turn, or None.
    """
    first_seeds = None if seeds is None else [row[0] for row in seeds]
    rollouts = begin_rollouts(prompts, generate, stop_ids, first_seeds)
    return continue_rollouts(rollouts, (bridge,), generate, stop_ids, turns, seeds)


def begin_rollouts(
    prompts: list[list[int]], generate: Generate, stop_ids: set[int], seeds: list[int] | None
) -> list[Rollout]:
    """R rollouts of one attempt for R prompts. seeds: R of them, or None."""
    attempts = generate([list(prompt) for prompt in prompts], seeds)
    return [
        Rollout(list(prompt), [attempt], [], [cut_off(attempt, stop_ids)])
        for prompt, attempt in zip(prompts, attempts, strict=True)
    ]


def continue_rollouts(
    rollouts: list[Rollout],
    bridges: tuple[Bridge, ...],
    generate: Generate,
    stop_ids: set[int],
    turns: int,
    seeds: list[list[int]] | None = None,
    history: str = "whole",
) -> list[Rollout]:
    """R rollouts of one attempt, continued up to attempt N; those given stay as they are.

    bridges: what leads to the next attempt, or to a critique and from there to the next attempt.
    seeds: R lists of a seed for each generation, attempt 1 included, or None. history: whether the
    policy sees the whole conversation, or only what `Rollout.latest` shows. Where bridges strip earlier
    attempts of their reasoning, each later attempt has a context of its own.
    """
    rollouts, strips = [rollout.copy() for rollout in rollouts], bridges[0].history is not None
    drawn = repeat(None) if seeds is None else iter([*map(list, zip(*seeds, strict=True))][1:])

    def generated() -> Iterator[tuple[Rollout, list[int]]]:
        if strips:
            shown = [rollout.contexts[-1] for rollout in rollouts]
        else:
            shown = [r.latest() if history == "last" else r.tokens()[0] for r in rollouts]
        return zip(rollouts, generate(shown, next(drawn)), strict=True)

    for _ in range(1, turns):
        for rollout in rollouts:
            attempt = rollout.attempts[-1]
            rollout.bridges.append(bridges[0].after(attempt))
            if strips:
                before = [rollout.prompt, *rollout.contexts][0 if history == "last" else -1]
                rollout.contexts.append(bridges[0].next_context(before, attempt))
        for bridge in bridges[1:]:
            for rollout, critique in generated():
                rollout.critiques.append(critique)
                rollout.bridges[-1] += critique + bridge.after(critique)
                if strips:
                    rollout.contexts[-1] = bridge.next_context(rollout.contexts[-1], critique)
        for rollout, attempt in generated():
            rollout.attempts.append(attempt)
            rollout.truncated.append(cut_off(attempt, stop_ids))
    return rollouts


def cut_off(attempt: list[int], stop_ids: set[int]) -> bool:
    """Whether an attempt ran into the token limit: neither a stop token nor a stop string ends it."""
    if attempt and attempt[-1] in stop_ids:
        return False
    strings = getattr(stop_ids, "strings", None)
    return not attempt or strings is None or strings.end(attempt) != len(attempt)


def attempt_texts(rollouts: list[Rollout], tokenizer) -> list[list[str]]:
    """Texts of the attempts, R lists of N, without special tokens and what a stop string begins."""
    return texts_of([rollout.attempts for rollout in rollouts], tokenizer)


def texts_of(ids: list[list[list[int]]], tokenizer) -> list[list[str]]:
    """Texts of R lists of runs of token ids, in the same shape, without special tokens.

    With prompt_format plain each ends before its first stop string.
    """
    flat = [run for row in ids for run in row]
    decoded = tokenizer.batch_decode(flat, skip_special_tokens=True)
    if (plain := plain_prompts_of(tokenizer)) is not None:
        decoded = [plain.stops.cut(text) for text in decoded]
    texts = iter(decoded)
    return [[next(texts).strip() for _ in row] for row in ids]
