"""Attempts sampled through transformers, from the full softmax, in left-padded batches.

Legend of shapes: R rollouts, L positions of a padded batch.
"""

import torch
from transformers import GenerationConfig

from score.policies.distribution import without_dropout
from score.sampling.cached import Conversations
from score.sampling.compiled import decode_compiled
from score.sampling.decode import Choose, begin, decode
from score.sampling.draws import draw_tokens, uniforms
from score.sampling.grouped import attention_in_groups
from score.sampling.plain_prompts import plain_prompts_of
from score.sampling.prompts import Bridge
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


class HFGenerate:
    """`Generate` through transformers: every prompt is computed once, and no position of it twice.

    Prompts that are alike are computed as one row, rows that have ended leave the batch, and where the
    prompts of a call begin with the conversations of the call before, in their order, as those of turn
    2 do, only what is new in them is computed. None of that changes an attempt but by rounding.

    batch_size: most rows at a time; conversations are kept where a call has no more. Without seeds the
    draws come from torch's own generator. tell: whether `logps` fills with the log-probabilities of
    sampled tokens, of each call, of each prompt; needs a temperature above 0. strings: at which attempts
    end beside the ids that the config names. compiled: by a compiled token step, `decode_compiled`.
    """

    def __init__(
        self,
        model,
        config: GenerationConfig,
        batch_size: int,
        tell: bool = False,
        strings: StopStrings | None = None,
        compiled: bool = False,
    ):
        self.model = model
        self.decode = decode_compiled if compiled else decode
        self.config = config
        self.batch_size = batch_size
        self.tell = tell
        self.stop = StopIds(config.eos_token_id, strings)
        self.logps: list[list[list[float]]] = []
        self.kept: Conversations | None = None

    @torch.no_grad()
    def __call__(self, prompts: list[list[int]], seeds: list[int] | None) -> list[list[int]]:
        attempts: list[list[int]] = [[] for _ in prompts]
        logps: list[list[float]] = [[] for _ in prompts]
        draws = self._draws(len(prompts), seeds)
        batches = self._batches(prompts)
        keep = len(batches) == 1
        kept, self.kept = self.kept if keep else None, None
        with without_dropout(self.model), attention_in_groups():
            for places in batches:
                rows, logits = begin(self.model, [prompts[i] for i in places], kept)
                kept = None  # or two caches would be held while this batch is decoded
                drawn = None if draws is None else draws[places].to(logits.device)
                choose, told = self._chooser(drawn, len(places))
                most = self.config.max_new_tokens
                decoded = self.decode(
                    self.model, rows, logits, choose, self._have_ended, most, keep
                )
                sampled, self.kept = decoded
                for i, attempt, row in zip(places, sampled, told, strict=True):
                    attempts[i] = cut_after_stop(attempt, self.stop)
                    logps[i] = row[: len(attempts[i])]
        if self.tell:
            self.logps.append(logps)
        return attempts

    def _chooser(self, draws: torch.Tensor | None, rows: int) -> tuple[Choose, list[list[float]]]:
        """What takes a token of each row, and where it notes their log-probabilities."""
        told: list[list[float]] = [[] for _ in range(rows)]
        temperature = self.config.temperature

        def choose(logits: torch.Tensor, here: list[int], position: int) -> list[int]:
            if draws is None:
                return logits.argmax(-1).tolist()
            tokens = draw_tokens(logits, temperature, draws[here, position, None])
            if self.tell:
                logps = (logits / temperature).log_softmax(-1).gather(1, tokens)
                for row, logp in zip(here, logps.squeeze(1).tolist(), strict=True):
                    told[row].append(logp)
            return tokens.squeeze(1).tolist()

        return choose, told

    def _have_ended(self, attempts: list[list[int]]) -> list[bool]:
        by_id = [attempt[-1] in self.stop for attempt in attempts]
        strings = self.stop.strings
        if strings is None:
            return by_id
        by_text = strings.held_by([attempt[-strings.window :] for attempt in attempts])
        return [either or other for either, other in zip(by_id, by_text, strict=True)]

    def _batches(self, prompts: list[list[int]]) -> list[list[int]]:
        """The places of all prompts, `batch_size` of similar length at a time."""
        places = list(range(len(prompts)))
        if len(prompts) > self.batch_size:
            places.sort(key=lambda i: (-len(prompts[i]), prompts[i]))
        return [places[i : i + self.batch_size] for i in range(0, len(places), self.batch_size)]

    def _draws(self, rows: int, seeds: list[int] | None) -> torch.Tensor | None:
        """Uniform numbers (R, most tokens of an attempt); None: greedy."""
        if not self.config.do_sample:
            return None
        length = self.config.max_new_tokens
        if seeds is None:
            return torch.rand(rows, length, dtype=torch.float64)
        return uniforms(seeds, length)


def cut_after_stop(ids: list[int], stop_ids: set[int] | StopIds) -> list[int]:
    """The attempt up to and with its first stop token, or the one that completes a stop string; whole
    when it has neither."""
    return ids[: attempt_end(ids, stop_ids)]
