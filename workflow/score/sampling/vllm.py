"""Sampling through vLLM, an optional extra (requirements-vllm.txt).

In evaluation every process has an engine, which holds the whole policy on one GPU, or on the
vllm_tensor_parallel_size next GPUs of a machine. In training TRL keeps an engine and its weights. Prefix
caching lets turn 2 go on from the keys and values of turn 1.
"""

import os
from collections.abc import Callable

import torch

from score.policies.load import base_of, is_adapter, local_folder
from score.sampling.engine_watch import watch_over_children
from score.sampling.generate import cut_after_stop
from score.sampling.stop_strings import StopIds


class VLLMGenerate:
    """`Generate` through vLLM: the whole softmax at the temperature, greedy at 0, a seed a request.

    settings: temperature, max_tokens, precision, cache_dir, trust_remote_code and what begins with vllm_
    of it are read. cached_tokens: how many tokens of the last call's
    prompts were found in the prefix cache. length: the most tokens a conversation can have.
    local_rank: which of this machine's processes this is; each has its own of the visible GPUs.
    ValueError where they are too few.
    """

    def __init__(self, settings, path: str, stop_ids: set[int], length: int, local_rank: int = 0):
        _see_own_gpus(local_rank, settings.vllm_tensor_parallel_size)
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        from vllm import LLM
        from vllm.lora.request import LoRARequest

        watch_over_children()
        self.settings, self.stop_ids = settings, stop_ids
        adapter, self.adapter = {}, None
        if is_adapter(path):
            adapter = {"enable_lora": True, "max_lora_rank": _allowed_rank(path)}
            self.adapter = LoRARequest("policy", 1, path)
        weights = base_of(path) if is_adapter(path) else path
        self.engine = LLM(
            model=local_folder(weights, settings.cache_dir, settings.trust_remote_code),
            trust_remote_code=settings.trust_remote_code,
            dtype=settings.precision,
            max_model_len=length,
            gpu_memory_utilization=settings.vllm_gpu_memory_utilization,
            tensor_parallel_size=settings.vllm_tensor_parallel_size,
            enable_prefix_caching=settings.vllm_prefix_caching,
            generation_config="vllm",  # not the checkpoint's: no top_k, top_p or penalties of its own
            seed=0,  # unused: requests bring their own
            **adapter,
        )

    def __call__(self, prompts: list[list[int]], seeds: list[int] | None) -> list[list[int]]:
        from vllm.inputs import TokensPrompt

        requests = self.engine.generate(
            [TokensPrompt(prompt_token_ids=prompt) for prompt in prompts],
            [self._sampling(seed) for seed in seeds or [None] * len(prompts)],
            lora_request=self.adapter,
            use_tqdm=False,
        )
        self.cached_tokens = sum(request.num_cached_tokens or 0 for request in requests)
        sampled = [list(request.outputs[0].token_ids) for request in requests]
        return [cut_after_stop(attempt, self.stop_ids) for attempt in sampled]

    def _sampling(self, seed: int | None):
        from vllm import SamplingParams

        return SamplingParams(
            temperature=self.settings.temperature,
            top_p=1.0,
            top_k=0,
            min_p=0.0,
            repetition_penalty=1.0,
            max_tokens=self.settings.max_tokens,
            seed=seed,
            ignore_eos=True,  # all that ends an attempt is in what stops it
            **{"detokenize": False, **stop_requests(self.stop_ids)},  # ids in, ids out
        )


def stop_requests(stop_ids: set[int] | StopIds) -> dict:
    """What vLLM is asked for so that attempts end; it keeps the ids of the stop that it found.

    With stop strings it must decode what it samples, and without special tokens, as `StopStrings` does.
    """
    asked, strings = {"stop_token_ids": sorted(stop_ids)}, getattr(stop_ids, "strings", None)
    if strings is None:
        return asked
    texts = {"stop": list(strings.strings), "include_stop_str_in_output": True}
    return {**asked, **texts, "detokenize": True, "skip_special_tokens": True}


class TrainingGenerate:
    """`Generate` through the engine of TRL's trainer, for the turns of one set of rollouts.

    logps: log-probabilities of sampled tokens, of each turn, of each rollout. single_turn: the
    trainer's `_generate_single_turn`. It syncs weights when the step has changed, so
    before turn 1 alone, which empties the prefix cache: turn 2 finds turn 1 in it.
    """

    tell = True

    def __init__(self, single_turn: Callable, k: int, stop_ids: set[int]):
        self.single_turn, self.k, self.stop_ids = single_turn, k, stop_ids
        self.logps: list[list[list[float]]] = []

    def __call__(self, prompts: list[list[int]], seeds: None) -> list[list[int]]:
        # Turn 1 asks for K samples of each prompt, which comes K times; later turns for one of each
        # history.
        k = 1 if self.logps else self.k
        attempts, logps = self.single_turn(prompts, None, {}, k)
        attempts = [cut_after_stop(list(attempt), self.stop_ids) for attempt in attempts]
        self.logps.append([_told(row)[: len(a)] for row, a in zip(logps, attempts, strict=True)])
        return attempts


def _told(logps: list[float | None]) -> list[float]:
    return [float("nan") if logp is None else logp for logp in logps]


def _see_own_gpus(local_rank: int, each: int) -> None:
    """The engine's own processes, which inherit this environment, take the first GPUs they see."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first, last = local_rank * each, (local_rank + 1) * each
    gpus = visible.split(",") if visible else list(map(str, range(last)))
    there = len(gpus) if visible else torch.cuda.device_count()
    if each > 1 and there < last:
        raise ValueError(
            f"vllm_tensor_parallel_size is {each} and process {local_rank} of a machine finds {there} "
            f"GPUs; expected {last}, as many for each process. Lower it, or ask for more GPUs on one "
            "node: sample_attempts:gpu=N, a multiple of it, in set-resources of the profile."
        )
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus[first:last])


def _allowed_rank(path: str) -> int:
    """The adapter's rank, rounded up to a power of two from 8, as vLLM wants it."""
    from peft import PeftConfig

    return max(8, 1 << (PeftConfig.from_pretrained(path).r - 1).bit_length())
