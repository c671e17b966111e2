"""What a GPU and a node must hold to train a policy, for every launcher of configs/accelerate.

    python -m score.policies.memory                          # Qwen2.5-1.5B and 7B, on 1, 4 and 8 GPUs
    python -m score.policies.memory my/policy --gpus 2       # a policy of yours: folder or hub name

Weights are bfloat16. DeepSpeed's own estimators give the states of the policy: weights, gradients,
float32 copies and Adam's two moments; they have none for ZeRO-1, which is ZeRO-2 with the gradients
unsharded. SCoRe adds the frozen reference and, under ZeRO-3, the weights that are gathered on every GPU
while it samples. Left out: activations and logits of a backward pass, the cache of keys and values
while sampling, CUDA's own memory and fragmentation. They follow per_device_train_batch_size,
local_rollout_forward_batch_size and max_tokens, and are often the larger part: leave half free.
"""

import os
from pathlib import Path
from typing import NamedTuple

import yaml

from score.files.places import REPOSITORY
from score.jobs.command import Command, optional, words
from score.policies.known_shapes import SHAPES, known_shape

COMMAND = Command(__spec__, __doc__)
LAUNCHERS = ("single_gpu", "zero1", "zero2", "zero3", "zero3-offload")
_CONFIGS = REPOSITORY / "configs" / "accelerate"
_GIB = 2**30
SHOWN = ("Qwen2.5-1.5B", "Qwen2.5-7B")  # where no policy is named


class Size(NamedTuple):
    """weights: of the whole policy. largest: of the layer with most."""

    weights: int
    largest: int


class Need(NamedTuple):
    """Bytes on each GPU and in the node's memory: by DeepSpeed's estimate, and what SCoRe adds."""

    gpu: int
    gpu_added: int
    node: int
    node_added: int


def size_of(model_path: str, trust_remote_code: bool = False) -> Size:
    """Weights of a policy, counted without loading any; ValueError where it has no config."""
    import torch  # here, as it takes seconds that --help need not take
    from transformers import AutoConfig, AutoModelForCausalLM

    trusted = {"trust_remote_code": trust_remote_code}
    try:
        shape = None if Path(model_path).is_dir() else known_shape(model_path)
        if shape is None:
            config = AutoConfig.from_pretrained(model_path, **trusted)
        else:
            config = AutoConfig.for_model(**shape)
    except Exception as error:  # a config.json that is no object raises anything
        raise ValueError(
            f"model_path is {model_path!r}; expected {', '.join(SHAPES)}, a folder or a hub name "
            f"of a policy. Correct it. Reading its config failed: {error}"
        ) from None
    with torch.device("meta"):
        policy = AutoModelForCausalLM.from_config(config, **trusted)
    layers = (sum(p.numel() for p in m.parameters(recurse=False)) for m in policy.modules())
    return Size(sum(p.numel() for p in policy.parameters()), max(layers))


def need(launcher: dict, size: Size, gpus: int) -> Need:
    """The estimate for a launcher (an accelerate config) on one node with that many GPUs."""
    from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs as zero3
    from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs as zero2

    zero = launcher["deepspeed_config"]
    states = {"num_gpus_per_node": gpus, "cpu_offload": zero["offload_optimizer_device"] == "cpu"}
    weights = 2 * size.weights  # bytes of the reference, and of what ZeRO-3 gathers
    if zero["zero_stage"] == 3:
        states["cpu_offload_params"] = zero["offload_param_device"] == "cpu"
        node, gpu, _ = zero3(*size, zero_init=zero["zero3_init_flag"], **states)
        if states["cpu_offload_params"]:
            return Need(gpu, weights, node, weights)
        return Need(gpu, weights + weights // gpus, node, 0)
    node, gpu = zero2(size.weights, **states)
    if zero["zero_stage"] == 1:
        gpu += weights * (gpus - 1) // gpus  # the gradients of the other ranks' shares
    return Need(gpu, weights, node, 0)


def table(model_paths: list[str], gpus: list[int], trust_remote_code: bool = False) -> str:
    """Markdown: a row for each policy and launcher, in GiB, as `DeepSpeed's estimate + SCoRe's`."""
    heads = [f"GPU, {n} of them" for n in gpus] + [f"node, {n} GPUs" for n in gpus]
    heads = [head.replace("1 of them", "alone").replace("1 GPUs", "1 GPU") for head in heads]
    rows = [["policy", "launcher", *heads]]
    for path in model_paths:
        size = size_of(path, trust_remote_code)
        name = f"{path} ({size.weights / 1e9:.2f} B)"
        for launcher in LAUNCHERS:
            config = yaml.safe_load((_CONFIGS / f"{launcher}.yaml").read_text())
            most = config.get("num_processes", max(gpus))
            needs = [need(config, size, n) if n <= most else None for n in gpus]
            if not any(needs):
                continue
            on_gpu = [_cell(n.gpu, n.gpu_added) if n else "" for n in needs]
            on_node = [_cell(n.node, n.node_added) if n else "" for n in needs]
            rows.append([name, launcher, *on_gpu, *on_node])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    padded = [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)


def _cell(estimate: int, added: int) -> str:
    text = f"{estimate / _GIB:.1f}"
    return f"{text} + {added / _GIB:.1f}" if added else text


def main() -> None:
    flags = COMMAND.flags(
        model_paths=words("folder or hub name of a policy"),
        gpus=optional("of one node", type=int, nargs="+", default=[1, 4, 8]),
        trust_remote_code=optional("run code that comes with a policy", action="store_true"),
    )
    os.environ.setdefault("DS_ACCELERATOR", "cpu")  # or DeepSpeed prints that GPUs are missing
    with COMMAND.errors():
        if min(flags.gpus) < 1:
            raise ValueError(f"--gpus is {min(flags.gpus)}; expected 1 or more. Correct it.")
        print(table(flags.model_paths or [*SHOWN], flags.gpus, flags.trust_remote_code))


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
