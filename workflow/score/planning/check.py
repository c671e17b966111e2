"""Check the planner against measurements: small policies on this CPU, and the records of an H200.

    python -m score.planning.check                  # updates of three small policies, two minutes
    python -m score.planning.check --records benchmarks/gpu_check_h200/fast.json

A row a measurement: predicted over measured, so 0.5 is a plan of half of what it took. On the CPU
nothing is fitted but operations a second and bandwidth of the one thread, both measured apart, and no
share of them is assumed to be lost: what is predicted is the least that these allow. On the GPU it is
the plan as `score.planning` makes it.
"""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from score.comparison.tables import markdown_table
from score.jobs.command import Command, optional
from score.planning.devices import DEVICES, Device
from score.planning.durations import Clock
from score.planning.memory import Setup, activations, sampling, states
from score.planning.shape import read_shape, shape_of
from score.planning.work import Conversation, Turn

COMMAND = Command(__spec__, __doc__)
_QWEN = {"model_type": "qwen2", "num_key_value_heads": 2, "tie_word_embeddings": True}


def _small(hidden: int, layers: int, heads: int, inner: int, vocabulary: int) -> dict:
    sizes = {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads}
    return {**_QWEN, **sizes, "intermediate_size": inner, "vocab_size": vocabulary}


# Shapes of which the layers differ, and one with checkpoints; the last number is a prompt's tokens.
MEASURED = {
    "256 wide, 4 layers": (_small(256, 4, 4, 1024, 160), False, 100),
    "512 wide, 6 layers": (_small(512, 6, 8, 1536, 160), False, 100),
    "256 wide, 12 layers, checkpoints": (_small(256, 12, 4, 768, 160), True, 200),
}
NEW, UPDATES = 32, 3
PHASES = ("sampling", "scoring", "training")


def conversation(prompt: float, tokens: float, trained: float, limit: int, k: int) -> Conversation:
    """Two attempts as measured: mean tokens of a prompt, of a sequence, and of its attempts."""
    message = tokens - prompt - trained
    turns = Turn(0, prompt, 1 / k), Turn(prompt + trained / 2, message)
    return Conversation(turns, tokens, prompt, trained, limit)


def predicted(
    clock: Clock, one: Conversation, rollouts: int, rows: int, k: int
) -> dict[str, float]:
    """Seconds of an update of `rollouts`, sampled all at once, in backward passes of `rows`."""
    return {
        "sampling": clock.sampling(one, rollouts, rollouts),
        "scoring": rollouts / rows * clock.scoring(one, rows, k),
        "training": rollouts / rows * clock.training(one, rows, k),
    }


def peak(
    shape, setup: Setup, one: Conversation, rollouts: int, rows: int, k: int, held: dict
) -> float:
    """Bytes at the peak of an update, prompts once for k rollouts. held: bytes of states."""
    tokens = rows * (one.tokens - one.prompt) + rows / k * one.prompt
    training = activations(shape, setup, tokens, rows * one.trained)
    decoding = sampling(shape, setup, rollouts, one.tokens, one.prompt * rollouts / k)
    return sum(held.values()) + max(sum(training.values()), sum(decoding.values()))


def of_this_cpu() -> list[list[str]]:
    """Rows of ratios. Each policy is measured in processes of its own, for time and for memory, which
    begin with the memory of this one; torch is imported here, with one thread."""
    import torch

    from score.planning import measured

    torch.set_num_threads(1)
    measured.measure(_small(64, 1, 2, 64, 160), 4, 20, 2, False)  # imports what an update needs
    rows, forked = [], multiprocessing.get_context("fork")
    for name in MEASURED:
        taken = []
        for of_memory in (False, True):
            with ProcessPoolExecutor(1, mp_context=forked) as pool:
                taken.append(pool.submit(_measured, name, of_memory).result())
        rows.append(_of_small(name, taken[0] | {"bytes": taken[1]["bytes"]}))
    return rows


def _measured(name: str, of_memory: bool) -> dict:
    from score.planning import measured

    config, checkpointing, words = MEASURED[name]
    if of_memory:
        measured.free_at_once()
        return measured.measure(config, NEW, words, 2, checkpointing)
    before = measured.operations_a_second()
    taken = measured.measure(config, NEW, words, UPDATES, checkpointing)
    taken["operations"] = (before + measured.operations_a_second()) / 2
    return taken | {"bandwidth": measured.bytes_a_second()}


def _of_small(name: str, taken: dict) -> list[str]:
    from score.planning import measured

    config, checkpointing, _ = MEASURED[name]
    device = Device("cpu", 1e12, taken["operations"], taken["bandwidth"], 1, 1, 1, 1, 0)
    shape, setup = shape_of(config, name), Setup(None, 1, 4, None, checkpointing)
    one = conversation(taken["prompt"], taken["tokens"], taken["trained"], NEW, measured.K)
    clock = Clock(shape, setup, device, taken["trained"] / (2 * NEW))
    sizes = measured.ROLLOUTS, measured.ROWS, measured.K
    bytes_ = peak(shape, setup, one, *sizes, states(shape, setup))
    seconds = predicted(clock, one, *sizes)
    return _ratios(name, seconds, taken["seconds"], bytes_ / taken["bytes"])


def of_records(path: Path) -> list[list[str]]:
    """Rows of ratios of a record of the GPU check; its policy is Qwen2.5-1.5B, k = 8."""
    record = json.loads(path.read_text(encoding="utf-8"))
    rows, found = [], record.get("measurements", record)
    for name, taken in found.items():
        if "conversation_tokens" not in taken or name == "warm_up":
            continue
        rows.append(_of_record(name, taken))
    return rows


def _of_record(name: str, taken: dict) -> list[str]:
    shape, rollouts, k = read_shape("Qwen2.5-1.5B"), taken["rollouts"], 8
    limit, micro = taken["tokens_of_an_attempt_at_most"], taken["rows_of_a_backward_pass"]
    trained, tokens = taken["sampled_tokens"] / rollouts, taken["conversation_tokens"] / rollouts
    one = conversation((tokens - trained) * 0.8, tokens, trained, limit, k)
    setup = Setup("single_gpu", 1)
    clock = Clock(shape, setup, DEVICES["h200"], trained / (2 * limit))
    seconds = taken["seconds"]
    spent = {
        "sampling": seconds["sampling, turn 1"] + seconds["sampling, turn 2"],
        "scoring": seconds["reference pass"],
        "training": seconds["forward"] + seconds["backward"],
    }
    # torch's AdamW in bfloat16 makes its moments at the first step, behind the peak.
    held = {"weights": 3 * 2.0 * shape.weights}
    whole = replace(one, tokens=one.longest(trained / 2), trained=2.0 * limit)
    most = peak(shape, setup, whole, rollouts, micro, 1, held)  # whole rows, as they were then
    ratio = most / (taken["peak_memory_gib"] * 2**30)
    return _ratios(name, predicted(clock, one, rollouts, micro, k), spent, ratio)


def _ratios(name: str, seconds: dict, taken: dict, memory: float) -> list[str]:
    whole = sum(seconds[phase] for phase in PHASES) / sum(taken[phase] for phase in PHASES)
    parts = [f"{seconds[phase] / taken[phase]:.2f}" for phase in PHASES]
    return [name, *parts, f"{whole:.2f}", f"{memory:.2f}"]


def main() -> None:
    flags = COMMAND.flags(records=optional("JSON files of the GPU check", nargs="+", type=Path))
    with COMMAND.errors():
        rows = []
        for path in flags.records or []:
            rows += of_records(path)
        rows = rows if flags.records else of_this_cpu()
    print(markdown_table([["predicted / measured", *PHASES, "update", "memory"], *rows]), end="")


if __name__ == "__main__":
    COMMAND.run(main)
