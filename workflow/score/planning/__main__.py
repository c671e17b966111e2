"""Plan a run before it is started: launcher, micro-batch, memory, tokens, hours and cost.

    python -m score.planning --config configs/math-qwen2.5-1.5b.yaml --gpus 1 8 64 --gpu h100
    python -m score.planning --config configs/mine.yaml --model my/policy --price-per-gpu-hour 2.5 --json

Of the policy only its config.json is read (a folder, a hub name in the cache, or a size that is known
here: Qwen2.5-7B, Qwen3-4B, …), of the config no data. docs/planning.md says how numbers are worked out.
"""

import argparse
import json
from dataclasses import replace

from score.jobs.command import Command, optional
from score.planning.config import planned_config
from score.planning.devices import DEVICES, Device
from score.planning.fit import Room
from score.planning.pages import as_json, assumptions, page, title
from score.planning.plan import RunPlan, plan_run
from score.planning.shape import read_shape
from score.planning.work import Lengths, RunWork

COMMAND = Command(__spec__, __doc__)


def device_of(flags: argparse.Namespace) -> Device:
    """The GPU that is named, with what the user knows better."""
    for name in ("gpu_memory", "tflops", "bandwidth"):
        value = getattr(flags, name)
        if value is not None and not value > 0:
            raise ValueError(
                f"--{name.replace('_', '-')} is {value:g}; expected more than 0. Correct it."
            )
    return DEVICES[flags.gpu].changed(flags.gpu_memory, flags.tflops, flags.bandwidth)


def lengths_of(flags: argparse.Namespace) -> Lengths:
    if not 0 < flags.attempt_share <= 1:
        raise ValueError(
            f"--attempt-share is {flags.attempt_share:g}; expected a share of max_tokens, above 0 to 1."
        )
    counts = {"prompt_tokens": flags.prompt_tokens, "train_problems": flags.train_problems}
    counts |= {"test_problems": flags.test_problems, "message_tokens": flags.message_tokens}
    for name, value in counts.items():
        if value < 1:
            raise ValueError(
                f"--{name.replace('_', '-')} is {value}; expected 1 or more. Correct it."
            )
    return Lengths(
        flags.prompt_tokens,
        flags.message_tokens,
        flags.attempt_share,
        flags.train_problems,
        flags.test_problems,
    )


def room_of(config: dict, flags: argparse.Namespace, vllm: bool) -> tuple[Room, list[str]]:
    """What jobs must fit, and what differs from the config."""
    notes, model = [], flags.model or config["model_path"]
    if config["precision"] != "bfloat16":
        notes.append(f"precision is {config['precision']}: planned in bfloat16, as GPUs are used.")
    launcher = config["launcher"].rpartition("/")[2].removesuffix(".yaml")
    engine = config["training"]["vllm_gpu_memory_utilization"] if vllm else 0.0
    shape = read_shape(model, config["cache_dir"])
    room = Room(
        shape,
        device_of(flags),
        launcher,
        engine=engine,
        share=flags.attempt_share,
        compiled=config["compile_decoding"],
    )
    return room, notes


def main() -> None:
    flags = COMMAND.flags(
        config="overlay of configs/, as --configfile of Snakemake",
        model=optional("policy: folder, hub name or size; default: the config's model_path"),
        gpus=optional("how many, e.g. 1 8 64", type=int, nargs="+", default=[1, 8, 64]),
        gpu=optional("kind of GPU", choices=[*DEVICES], default="h100"),
        gpu_memory=optional("GB of a GPU, in place of its data sheet's", type=float),
        tflops=optional("10^12 dense bfloat16 operations a second, likewise", type=float),
        bandwidth=optional("GB a second of its memory, likewise", type=float),
        prompt_tokens=optional("of a prompt", type=int, default=200),
        message_tokens=optional("of the message between attempts", type=int, default=50),
        attempt_share=optional("mean attempt over max_tokens", type=float, default=0.5),
        train_problems=optional("where train_size is null", type=int, default=7500),
        test_problems=optional("where test_size is null", type=int, default=500),
        price_per_gpu_hour=optional("adds the cost, in its currency", type=float),
        json=optional("print JSON", action="store_true"),
    )
    with COMMAND.errors():
        if min(flags.gpus) < 1:
            raise ValueError(f"--gpus is {min(flags.gpus)}; expected 1 or more. Correct it.")
        config, vllm = planned_config(flags.config)
        lengths = lengths_of(flags)
        room, notes = room_of(config, flags, vllm)
        run = RunWork(config, lengths)
        works, plans = run.all(), {}
        for gpus in flags.gpus:
            plans[gpus] = _plan_or_why(works, room, gpus, vllm)
        refusals = [plan for plan in plans.values() if isinstance(plan, str)]
        if len(refusals) == len(plans):
            raise ValueError("\n".join(refusals))
    price = flags.price_per_gpu_hour
    if flags.json:
        print(json.dumps(as_json(plans, price), indent=2))
        return
    notes += [*run.notes, *dict.fromkeys(note for work in works for note in work.notes)]
    notes = [*assumptions(room, lengths, vllm), *notes]
    name = flags.model or config["model_path"]
    print(page(title(name, room, flags.config), plans, price, notes), end="")


def _plan_or_why(works, room: Room, gpus: int, vllm: bool) -> RunPlan | str:
    try:
        return plan_run(works, replace(room), gpus, vllm)
    except ValueError as error:
        return str(error)


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
