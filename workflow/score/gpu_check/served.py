"""Sampling with vLLM against transformers: the same greedy attempts, and the time they take.

Runs only where vLLM is installed, which no requirement of the check asks for.
"""

import time
from importlib.util import find_spec

from score.benchmarks.measured import Measured, part_flags
from score.gpu_check.trainers import sums_tokenizer
from score.policies.load import load_policy
from score.puzzle import sums
from score.sampling.generate import HFGenerate, sampling_config, stop_ids_of
from score.sampling.prompts import Bridge, first_messages, prompt_ids
from score.tasks import load_task


def why_not(device: str, model: str | None) -> str | None:
    """One sentence where this can't be measured, else None."""
    if find_spec("vllm") is None:
        return "vllm is not installed; this part needs it (requirements-vllm.txt)."
    if device == "cpu" or model is None:
        return "vllm is compared on a GPU and with a policy of its own: --device cuda --model PATH."
    return None


def compare(model: str, device: str, rows: int, tokens: int = 40) -> dict:
    """Greedy first attempts of both engines at the same problems, all at once."""
    from vllm import LLM, SamplingParams

    task, tokenizer = load_task("sums"), sums_tokenizer(model)
    asked = [first_messages(sums.question(t), task, []) for t in sums.draw(rows, seed=5)]
    prompts = [prompt_ids(tokenizer, messages) for messages in asked]
    policy = load_policy(model, "bfloat16").to(device)
    bridge = Bridge.from_tokenizer(tokenizer, task.CORRECTION_PROMPT)
    stop = stop_ids_of(policy.generation_config, tokenizer, bridge)
    config = sampling_config(tokens, 0, stop, tokenizer.pad_token_id)
    start = time.monotonic()
    theirs = HFGenerate(policy, config, rows)(prompts, None)
    seconds = time.monotonic() - start
    engine = LLM(model=model, dtype="bfloat16", gpu_memory_utilization=0.3)
    wanted = SamplingParams(temperature=0, max_tokens=tokens, stop_token_ids=sorted(stop))
    start = time.monotonic()
    found = engine.generate([{"prompt_token_ids": ids} for ids in prompts], wanted)
    served = time.monotonic() - start
    ours = [list(answer.outputs[0].token_ids) for answer in found]
    return {
        "attempts": rows,
        "same_attempts": sum(a == b for a, b in zip(ours, theirs, strict=True)) / rows,
        "seconds_transformers": seconds,
        "seconds_vllm": served,
    }


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    measured = Measured(flags.output, flags.device, flags.seconds)
    reason = why_not(flags.device, flags.model)
    if reason:
        measured.put("vllm_against_transformers", {"skipped": reason})
    else:
        measured.take("vllm_against_transformers", lambda: compare(flags.model, flags.device, 256))
    measured.finish()


if __name__ == "__main__":
    main()
