"""Sampling all attempts at a problem, each turn continuing on the token ids of the one before.

Legend of shapes: R rollouts, N turns, L positions of a padded batch.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat

import torch
from transformers import GenerationConfig

from score.sampling.draws import InverseCDF, uniforms
from score.sampling.prompts import Bridge

# Prompts as token ids in, attempts as token ids out, in the same order. The second argument holds a
# seed for each attempt, or is None where attempts need not be the same the next time.
Generate = Callable[[list[list[int]], list[int] | None], list[list[int]]]


@dataclass
class Rollout:
    """All attempts at one problem, as token ids.

    prompt: ids up to the first attempt. attempts: N lists, each with its end-of-turn token unless it
    was truncated. bridges: the N − 1 runs of ids between them, critiques included. truncated: per
    turn, whether the attempt ran into the token limit. sampler_logps: of each attempt the
    log-probabilities of its tokens as its sampler tells them; empty where it tells none. critiques:
    the N − 1 that the policy wrote between attempts; empty where it was asked for none.
    """

    prompt: list[int]
    attempts: list[list[int]]
    bridges: list[list[int]]
    truncated: list[bool]
    sampler_logps: list[list[float]] = field(default_factory=list)
    critiques: list[list[int]] = field(default_factory=list)

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
        """`sampler_logps` laid along the ids of `tokens`, 0 where no turn wrote the id."""
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
    policy sees the whole conversation, or only what `Rollout.latest` shows.
    """
    rollouts = copy.deepcopy(rollouts)
    drawn = repeat(None) if seeds is None else iter([*map(list, zip(*seeds, strict=True))][1:])

    def generated() -> Iterator[tuple[Rollout, list[int]]]:
        shown = [r.latest() if history == "last" else r.tokens()[0] for r in rollouts]
        return zip(rollouts, generate(shown, next(drawn)), strict=True)

    for _ in range(1, turns):
        for rollout in rollouts:
            rollout.bridges.append(bridges[0].after(rollout.attempts[-1], stop_ids))
        for bridge in bridges[1:]:
            for rollout, critique in generated():
                rollout.critiques.append(critique)
                rollout.bridges[-1] += critique + bridge.after(critique, stop_ids)
        for rollout, attempt in generated():
            rollout.attempts.append(attempt)
            rollout.truncated.append(cut_off(attempt, stop_ids))
    return rollouts


def cut_off(attempt: list[int], stop_ids: set[int]) -> bool:
    """Whether an attempt ran into the token limit: it has no end-of-turn token."""
    return not attempt or attempt[-1] not in stop_ids


def sampling_config(
    max_tokens: int, temperature: float, stop_ids: set[int], pad_id: int
) -> GenerationConfig:
    """Sampling from the full softmax at `temperature`; 0 means greedy.

    Every filter is named and off, or the ones in a checkpoint's own generation_config (top_k,
    repetition_penalty, …) would apply unseen, and log-probabilities would belong to another
    distribution than the samples.
    """
    no_filters = {"temperature": temperature, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
    return GenerationConfig(
        max_new_tokens=max_tokens,
        do_sample=temperature > 0,
        **(no_filters if temperature > 0 else {"repetition_penalty": 1.0}),
        eos_token_id=sorted(stop_ids),
        pad_token_id=pad_id,
        use_cache=True,
        disable_compile=True,
    )


def stop_ids_of(config: GenerationConfig, tokenizer, bridge: Bridge) -> set[int]:
    """Ids that end an attempt: what the policy declares, and the template's end of turn."""
    declared = config.eos_token_id
    declared = declared if isinstance(declared, list) else [declared]
    return {i for i in (*declared, tokenizer.eos_token_id, bridge.end) if i is not None}


class HFGenerate:
    """`Generate` through transformers, in left-padded batches of prompts of similar length.

    Without seeds attempts come from torch's own generator.
    """

    def __init__(self, model, config: GenerationConfig, batch_size: int):
        self.model = model
        self.config = config
        self.greedy = sampling_config(
            config.max_new_tokens, 0, set(config.eos_token_id), config.pad_token_id
        )
        self.batch_size = batch_size

    @torch.no_grad()
    def __call__(self, prompts: list[list[int]], seeds: list[int] | None) -> list[list[int]]:
        attempts: list[list[int]] = [[] for _ in prompts]
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]), reverse=True)
        drawn = self.config.do_sample and seeds is not None
        with self._in_charge(self.greedy if drawn else self.config):
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size]
                row_seeds = [seeds[i] for i in rows] if drawn else None
                sampled = self._generate([prompts[i] for i in rows], row_seeds)
                for i, attempt in zip(rows, sampled, strict=True):
                    attempts[i] = attempt
        return attempts

    def _generate(self, prompts: list[list[int]], seeds: list[int] | None) -> list[list[int]]:
        input_ids, mask = left_pad(prompts, self.config.pad_token_id, self.model.device)
        config, draw = self.config, []
        if seeds is not None:
            config = self.greedy
            draws = uniforms(seeds, self.config.max_new_tokens).to(self.model.device)
            draw = [InverseCDF(draws, self.config.temperature, start=input_ids.size(1))]
        ids = self.model.generate(
            input_ids=input_ids,
            attention_mask=mask,
            logits_processor=draw,
            generation_config=config,
        )
        stop = set(self.config.eos_token_id)
        return [cut_after_stop(row, stop) for row in ids[:, input_ids.size(1) :].tolist()]

    @contextmanager
    def _in_charge(self, config: GenerationConfig) -> Iterator[None]:
        """The policy, and that below an adapter, samples by `config` alone: its own says nothing."""
        adapted = hasattr(self.model, "get_base_model")
        policies = [self.model, self.model.get_base_model()] if adapted else [self.model]
        theirs, training = [p.generation_config for p in policies], self.model.training
        for policy in policies:
            policy.generation_config = config
        self.model.eval()
        try:
            yield
        finally:
            for policy, own in zip(policies, theirs, strict=True):
                policy.generation_config = own
            self.model.train(training)


def left_pad(rows: list[list[int]], pad_id: int, device) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, (R, L) each, padded on the left. The mask comes from lengths, so it is right
    when the padding token is also the end-of-turn token."""
    length = max(map(len, rows))
    ids = [[pad_id] * (length - len(row)) + row for row in rows]
    mask = [[0] * (length - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def cut_after_stop(ids: list[int], stop_ids: set[int]) -> list[int]:
    """The attempt up to and with its first stop token; whole when it has none."""
    for i, token in enumerate(ids):
        if token in stop_ids:
            return ids[: i + 1]
    return ids


def attempt_texts(rollouts: list[Rollout], tokenizer) -> list[list[str]]:
    """Texts of the attempts, R lists of N, without special tokens."""
    return texts_of([rollout.attempts for rollout in rollouts], tokenizer)


def texts_of(ids: list[list[list[int]]], tokenizer) -> list[list[str]]:
    """Texts of R lists of runs of token ids, in the same shape, without special tokens."""
    flat = [run for row in ids for run in row]
    texts = iter(tokenizer.batch_decode(flat, skip_special_tokens=True))
    return [[next(texts).strip() for _ in row] for row in ids]
