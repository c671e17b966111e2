"""One trainer's peak memory in this process, as a line of JSON; score.benchmarks.memory starts it.

    python -m score.benchmarks.peak --trainer score --folder POLICY --device cpu \\
        --size '[8, 8, 8, true, 20]' --watched
"""

import ctypes
import gc
import json
import resource
import sys
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from score.benchmarks.trainers import Size, Update, updates
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)
_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class LargestArray(TorchDispatchMode):
    """Elements of the largest array that any operation gives, weights and their gradients apart."""

    def __init__(self, weights: set[int]):
        super().__init__()
        self.weights, self.elements = weights, 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        given = function(*arguments, **(named or {}))
        for value in tree_leaves(given):
            if isinstance(value, torch.Tensor) and value.numel() not in self.weights:
                self.elements = max(self.elements, value.numel())
        return given


def resident(name: str) -> int:
    """Bytes under VmRSS (now) or VmHWM (at most) of this process."""
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


def forget_peak() -> None:
    """Give freed memory back, and begin the count of the most anew, where the kernel lets it."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        _FORGET.write_text("5")
    except (OSError, AttributeError):
        pass


def highest() -> int:
    try:
        return resident("VmHWM")
    except (OSError, KeyError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def taken_by(update: Update) -> int:
    """Bytes of the update's peak over what is held before it."""
    if update.clock.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        update()
        return torch.cuda.max_memory_allocated() - before
    for model in (update.trainer.model, update.trainer.ref_model):
        for weight in model.parameters():
            weight.sum()  # what is mapped from a file is read
    forget_peak()
    before = resident("VmRSS")
    update()
    return highest() - before


def main() -> None:
    flags = COMMAND.flags(
        trainer="score, trl or plain",
        folder="of the policy",
        device="cpu or cuda",
        size="as JSON",
        watched=optional("run a second update for its largest array", action="store_true"),
    )
    size = Size(*json.loads(flags.size))
    (update,) = updates(flags.folder, flags.device, size, [flags.trainer]).values()
    weights = [*update.trainer.model.parameters()]
    told = {"bytes": taken_by(update)}
    told["states"] = sum(3 * weight.nbytes for weight in weights)
    if flags.watched:
        with LargestArray({weight.numel() for weight in weights}) as largest:
            update()
        vocabulary = update.trainer.model.get_output_embeddings().out_features
        told["largest_array"] = largest.elements
        told["cells_times_vocabulary"] = update.sampled * vocabulary  # of a pass over all rollouts
    print(json.dumps(told))


if __name__ == "__main__":
    COMMAND.run(main)
