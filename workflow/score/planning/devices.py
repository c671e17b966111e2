"""What a GPU can do, and the share of it that this project gets out of it.

Memory, dense bfloat16 operations and bandwidth are those of the makers' public data sheets. Where one
gives operations with sparsity, half of them are dense.
"""

from dataclasses import dataclass, replace
from typing import Any

# Where the numbers of each are read.
SOURCES = {
    "h100": "NVIDIA H100 Tensor Core GPU data sheet, SXM",
    "h200": "NVIDIA H200 Tensor Core GPU data sheet, SXM",
    "a100": "NVIDIA A100 Tensor Core GPU data sheet, 80 GB SXM",
    "l40s": "NVIDIA L40S GPU data sheet",
}


@dataclass(frozen=True)
class Device:
    """memory: bytes. operations: a second, dense. bandwidth: of its memory, bytes a second.

    link: to the other GPUs of the node, bytes a second in one direction. trained, scored: share of
    `operations` that passes with and without gradient reach. read: share of `bandwidth` that decoding
    reaches. launching: seconds in which a layer's kernels are started, for one token of every row.
    """

    name: str
    memory: float
    operations: float
    bandwidth: float
    link: float
    trained: float = 0.25
    scored: float = 0.23
    read: float = 0.5
    launching: float = 1.25e-3

    def changed(self, memory: float | None, tflops: float | None, bandwidth: float | None):
        """The device with numbers of the user's own: GB, 10^12 operations a second, GB a second."""
        given = {
            "memory": (memory, 1e9),
            "operations": (tflops, 1e12),
            "bandwidth": (bandwidth, 1e9),
        }
        own: dict[str, Any] = {k: v * unit for k, (v, unit) in given.items() if v is not None}
        return replace(self, **own)


DEVICES = {
    "h100": Device("h100", 80e9, 989e12, 3350e9, 450e9),
    "h200": Device("h200", 141e9, 989e12, 4800e9, 450e9),
    "a100": Device("a100", 80e9, 312e12, 2039e9, 300e9),
    "l40s": Device("l40s", 48e9, 362e12, 864e9, 32e9),
}
# GPUs of a node; between nodes each GPU has 400 Gbit/s.
NODE = 8
NETWORK = 50e9
# vLLM replays a token's kernels as one graph: an assumption, measured nowhere in this project.
VLLM_LAUNCHING = 0.1e-3
# Share of the memory that a plan fills: the rest is CUDA's own and what fragments lose.
FILLED = 0.92
