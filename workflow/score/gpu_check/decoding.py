"""Compiled decoding (`compile_decoding`) beside the plain loop: attempts and the time of a token step.

On a GPU the compiled step is a CUDA graph; "cudagraph_skips" counts graphs for which torch did without.
Policies that are timed have random weights of a Qwen2.5's shape; no attempt ends before its limit.
"""

import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from torch._dynamo.utils import counters

from score.benchmarks.clock import by_turns, timed
from score.benchmarks.measured import Measured, part_flags
from score.benchmarks.models import PUZZLE, random_policy
from score.benchmarks.trainers import forget_peak, peak_gib
from score.gpu_check.trainers import puzzle_problems
from score.policies.compiling import check_compilable
from score.policies.load import load_policy
from score.sampling.draws import turn_seeds
from score.sampling.generate import HFGenerate, sampling_config, stop_ids_of
from score.sampling.prompts import Bridge, prompt_ids
from score.sampling.rollout import sample_rollouts
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task

PROMPT = 100  # tokens


def same_tokens(device: str, rows: int) -> dict:
    """Two turns of the puzzle policy in float32 from the same seeds, by both; log-probabilities too."""
    policy, tokenizer = load_policy(PUZZLE, "float32").to(device).eval(), load_tokenizer(PUZZLE)
    check_compilable(policy)
    bridge = Bridge.from_tokenizer(tokenizer, load_task("puzzle").CORRECTION_PROMPT)
    stop = stop_ids_of(policy.generation_config, tokenizer, bridge)
    config = sampling_config(10, 1.0, stop, tokenizer.pad_token_id)
    prompts = [prompt_ids(tokenizer, row["prompt"]) for row in puzzle_problems(rows)]
    seeds = [turn_seeds(0, str(i), 0, 2) for i in range(rows)]
    found = []
    for compiled in (False, True):
        generate = HFGenerate(policy, config, rows, tell=True, compiled=compiled)
        rollouts = sample_rollouts(prompts, bridge, generate, stop, 2, seeds)
        found.append((rollouts, generate.logps))
    (plain, told), (ours, ours_told) = found
    same = [i for i in range(rows) if plain[i] == ours[i]]
    gaps = [
        abs(one - other)
        for turn, of_ours in zip(told, ours_told, strict=True)
        for i in same
        for one, other in zip(turn[i], of_ours[i], strict=True)
    ]
    return {
        "rollouts": rows,
        "same_rollouts": len(same) / rows,
        "largest_gap_nats_of_these": max(gaps, default=0.0),
    }


def token_step(path: str, device: str, rows: int, new: int, rounds: int = 3) -> dict:
    """Seconds of a token step of `rows` rows in bfloat16 by both, over `new` tokens after the first."""
    policy = load_policy(path, "bfloat16").to(device).eval()
    check_compilable(policy)
    counters.clear()
    never = policy.config.vocab_size  # the id that ends an attempt
    drawn = torch.randint(5, 100, (rows, PROMPT), generator=torch.Generator().manual_seed(0))
    prompts, seeds = drawn.tolist(), list(range(rows))
    forget_peak(device)

    def sampling(compiled: bool, most: int):
        config = sampling_config(most, 1.0, {never}, 0)
        generate = HFGenerate(policy, config, rows, compiled=compiled)
        return timed(lambda: generate(prompts, seeds), device)

    began = time.monotonic()
    sampling(True, new + 1)()
    until_compiled = time.monotonic() - began
    calls = {
        "plain": sampling(False, new + 1),
        "compiled": sampling(True, new + 1),
        "first_token": sampling(False, 1),  # what both do before the steps
    }
    taken = {
        name: median(one["seconds"] for one in turns)
        for name, turns in by_turns(calls, rounds).items()
    }
    plain, compiled = ((taken[name] - taken["first_token"]) / new for name in ("plain", "compiled"))
    return {
        "weights": sum(p.numel() for p in policy.parameters()),
        "rows": rows,
        "tokens_of_a_prompt": PROMPT,
        "tokens_of_an_attempt": new + 1,
        "milliseconds_of_a_step_plain": 1000 * plain,
        "milliseconds_of_a_step_compiled": 1000 * compiled,
        "compiled_over_plain": compiled / plain,
        "seconds_of_the_first_call": until_compiled,
        "graphs": counters["stats"]["unique_graphs"],
        "cudagraph_skips": counters["inductor"]["cudagraph_skips"],
        "peak_memory_gib": peak_gib(device),
    }


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    measured, device = Measured(flags.output, flags.device, flags.seconds), flags.device
    shapes = {"tiny": 0} if flags.tiny else {"1.5B": 60, "0.5B": 45}
    rows, new = (4, 8) if flags.tiny else (64, 128)
    with tempfile.TemporaryDirectory() as folder:
        measured.take("same_tokens", lambda: same_tokens(device, 8 if flags.tiny else 32))
        for shape, seconds in shapes.items():
            made = str(Path(folder) / shape)

            def measure(shape=shape, made=made) -> dict:
                return token_step(random_policy(shape, made, device), device, rows, new)

            measured.take(f"{shape}_bfloat16", measure, seconds)
    measured.finish()


if __name__ == "__main__":
    main()
