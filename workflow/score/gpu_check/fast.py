"""How long an update of Stage II takes, and TRL's GRPO beside it, as `make bench` has them.

Policies have the shape of a Qwen2.5 and random weights in bfloat16 (score.benchmarks.trainers). Prompts
have about 100 tokens. Attempts end at drawn lengths, most long before the limit; where "ragged" is false
all reach it. The tokenizer is the puzzle's, so decoding costs next to nothing.

One update is timed after a small one has warmed up. MFU counts 6 · N · tokens for forward and backward
and 2 · N · tokens for every other pass, over 989 · 10^12 operations a second (dense bfloat16 of an
H100 or H200). Tokens are those that have to be computed: of prompts that rollouts share once, and
without padding.
"""

import tempfile
from functools import partial
from pathlib import Path

import torch

from score.benchmarks.clock import Clock
from score.benchmarks.measured import Measured, part_flags
from score.benchmarks.models import random_policy
from score.benchmarks.trainers import OurUpdate, Size, TRLUpdate, forget_peak, peak_gib

PEAK = 989e12


def stage_two(
    model: str, device: str, rollouts: int, rows: int, new: int, ragged: bool = True
) -> dict:
    """One update of Stage II on `rollouts`, `rows` at a time, at most `new` tokens an attempt."""
    update = OurUpdate(model, device, Size(rollouts, rows, new, equal=not ragged))
    forget_peak(device)
    seconds = update()
    cpu, whole = seconds.pop("cpu_seconds"), seconds.pop("seconds")
    weights = sum(p.numel() for p in update.trainer.model.parameters())
    training = seconds["forward"] + seconds["backward"]
    sampling = {name: value for name, value in seconds.items() if name.startswith("sampling")}
    operations = 2 * weights * (update.sampled + 2 * update.tokens) + 4 * weights * update.tokens
    result = {
        "weights": weights,
        "rollouts": rollouts,
        "rows_of_a_backward_pass": rows,
        "tokens_of_an_attempt_at_most": new,
        "ragged": ragged,
        "sampled_tokens": update.sampled,
        "conversation_tokens": update.conversation_tokens(),
        "computed_tokens": update.tokens,
        "padding_share": 1 - update.tokens / update.cells,
        "seconds": {name: round(value, 3) for name, value in (*seconds.items(), ("update", whole))},
        "cpu_seconds": round(cpu, 3),
        "sampled_tokens_a_second": update.sampled / sum(sampling.values()),
        "tokens_a_second_of_the_update": update.tokens / whole,
        "mfu_forward_backward": 6 * weights * update.tokens / training / PEAK,
        "mfu_reference_pass": 2 * weights * update.tokens / seconds["reference pass"] / PEAK,
        "mfu_update": operations / whole / PEAK,
        "peak_memory_gib": peak_gib(device),
    }
    update.close()
    return result


def grpo(model: str, device: str, rollouts: int, rows: int, new: int) -> dict:
    """One update of TRL's GRPOTrainer with as many tokens: one attempt of twice the length."""
    update = TRLUpdate(model, device, Size(rollouts, rows, new))
    forget_peak(device)
    seconds = update()
    seconds["update"] = seconds.pop("seconds")
    result = {
        "rollouts": rollouts,
        "rows_of_a_backward_pass": rows,
        "sampled_tokens": update.sampled,
        "cpu_seconds": round(seconds.pop("cpu_seconds"), 3),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "peak_memory_gib": peak_gib(device),
    }
    update.close()
    return result


def matrix_product(device: str, size: int) -> dict:
    """What the card does at best: products of square bfloat16 matrices of random numbers."""
    clock = Clock(device)
    one, other = (torch.randn(size, size, device=device).bfloat16() for _ in range(2))
    for _ in range(3):
        one @ other
    with clock.during("products"):
        for _ in range(10):
            one @ other
    return {"size": size, "tflop_a_second": 20 * size**3 / clock.seconds["products"] / 1e12}


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    measured, device = Measured(flags.output, flags.device, flags.seconds), flags.device
    shape, small, large, rows, new = "1.5B", 64, 512, 16, 256
    if flags.tiny:
        shape, small, large, rows, new = "tiny", 8, 16, 8, 8
    with tempfile.TemporaryDirectory() as folder:
        measured.take("matrix_product", partial(matrix_product, device, 64 if flags.tiny else 8192))
        model = random_policy(shape, str(Path(folder) / shape), device)
        measured.take("warm_up", partial(stage_two, model, device, 2 * rows, rows, 8))
        name, update = f"{shape}_{small}", partial(stage_two, model, device)
        uncut = partial(update, small, rows, new // 2, False)
        theirs = partial(grpo, model, device, small, rows, new // 2)
        needs = {size: 0 if flags.tiny else seconds for size, seconds in ((small, 25), (large, 45))}
        measured.take(name, partial(update, small, rows, new), needs[small])
        measured.take(f"{shape}_{large}", partial(update, large, rows, new), needs[large])
        # By turns, on half the tokens: the first of each warms up what the second is measured with.
        for turn in (1, 2):
            ours = measured.take(f"uncut_{turn}", uncut, needs[small])
            grpos = measured.take(f"grpo_{turn}", theirs, needs[small])
            if "seconds" in ours and "seconds" in grpos:
                ratio = ours["seconds"]["update"] / grpos["seconds"]["update"]
                measured.put(f"score_over_grpo_{turn}", {"seconds_of_an_update": ratio})
        for other, seconds in () if flags.tiny else (("0.5B", 30), ("3B", 60)):
            if measured.left() > seconds:
                model = random_policy(other, str(Path(folder) / other), device)
                update = partial(stage_two, model, device, small, rows, new)
                measured.take(f"{other}_{small}", update, seconds - 10)
    measured.finish()


if __name__ == "__main__":
    main()
