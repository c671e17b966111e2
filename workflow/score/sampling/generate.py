"""Attempts sampled through transformers, from the full softmax, in left-padded batches.

Legend of shapes: R rollouts, L positions of a padded batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from score.sampling.draws import InverseCDF, uniforms
from score.sampling.plain_prompts import plain_prompts_of
from score.sampling.prompts import Bridge
from score.sampling.sampler_logps import SamplerLogps
from score.sampling.stop_strings import StopIds, StopStrings, attempt_end


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


def stop_ids_of(config: GenerationConfig, tokenizer, bridge: Bridge) -> StopIds:
    """What ends an attempt: the ids that the policy declares, the template's end of turn, and with
    prompt_format plain the stop strings."""
    declared = config.eos_token_id
    declared = declared if isinstance(declared, list) else [declared]
    plain = plain_prompts_of(tokenizer)
    ids = {i for i in (*declared, tokenizer.eos_token_id, bridge.end) if i is not None}
    return StopIds(ids, None if plain is None else plain.stops)


class EndsInString(StoppingCriteria):
    """Ends rows, sampled from position `start` on, whose last tokens hold a stop string.

    `cut_after_stop` says where exactly an attempt ends; this saves sampling beyond.
    """

    def __init__(self, strings: StopStrings, start: int):
        self.strings, self.start = strings, start

    def __call__(self, input_ids: torch.Tensor, scores, **kwargs) -> torch.Tensor:
        latest = input_ids[:, self.start :][:, -self.strings.window :].tolist()
        return torch.tensor(self.strings.held_by(latest), device=input_ids.device)


class HFGenerate:
    """`Generate` through transformers, in left-padded batches of prompts of similar length.

    Without seeds attempts come from torch's own generator. tell: whether `logps` fills with the
    log-probabilities of sampled tokens, of each call, of each prompt; needs a temperature above 0.
    strings: at which attempts end beside the ids that the config names.
    """

    def __init__(
        self,
        model,
        config: GenerationConfig,
        batch_size: int,
        tell: bool = False,
        strings: StopStrings | None = None,
    ):
        self.model = model
        self.config = config
        self.greedy = sampling_config(
            config.max_new_tokens, 0, set(config.eos_token_id), config.pad_token_id
        )
        self.batch_size = batch_size
        self.tell, self.strings = tell, strings
        self.logps: list[list[list[float]]] = []

    @torch.no_grad()
    def __call__(self, prompts: list[list[int]], seeds: list[int] | None) -> list[list[int]]:
        attempts: list[list[int]] = [[] for _ in prompts]
        logps: list[list[float]] = [[] for _ in prompts]
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]), reverse=True)
        drawn = self.config.do_sample and seeds is not None
        with self._override_generation_config(self.greedy if drawn else self.config):
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size]
                row_seeds = [seeds[i] for i in rows] if drawn else None
                sampled, told = self._generate([prompts[i] for i in rows], row_seeds)
                for i, attempt, row in zip(rows, sampled, told, strict=True):
                    attempts[i], logps[i] = attempt, row[: len(attempt)]
        if self.tell:
            self.logps.append(logps)
        return attempts

    def _generate(
        self, prompts: list[list[int]], seeds: list[int] | None
    ) -> tuple[list[list[int]], list[list[float]]]:
        """Attempts, and where they are told the log-probabilities of their tokens and of padding."""
        input_ids, mask = left_pad(prompts, self.config.pad_token_id, self.model.device)
        start = input_ids.size(1)
        note = SamplerLogps(self.config.temperature) if self.tell else None
        config, processors = self.config, [note] if note else []
        ends = [EndsInString(self.strings, start)] if self.strings is not None else []
        if seeds is not None:
            config = self.greedy
            draws = uniforms(seeds, self.config.max_new_tokens).to(self.model.device)
            processors.append(InverseCDF(draws, self.config.temperature, start))
        ids = self.model.generate(
            input_ids=input_ids,
            attention_mask=mask,
            logits_processor=processors,
            generation_config=config,
            stopping_criteria=StoppingCriteriaList(ends),
        )
        stop = StopIds(self.config.eos_token_id, self.strings)
        attempts = [cut_after_stop(row, stop) for row in ids[:, start:].tolist()]
        return attempts, note.of(ids, start) if note else [[] for _ in prompts]

    @contextmanager
    def _override_generation_config(self, config: GenerationConfig) -> Iterator[None]:
        """Have the policy, and the one below an adapter, sample by `config` and not by its own."""
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


def cut_after_stop(ids: list[int], stop_ids: set[int] | StopIds) -> list[int]:
    """The attempt up to and with its first stop token, or the one that completes a stop string; whole
    when it has neither."""
    return ids[: attempt_end(ids, stop_ids)]
