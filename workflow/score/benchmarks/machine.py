"""What is measured on: the device that was given, the load, and the versions that decide the numbers."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from score.report.provenance import git_state, machine

_PACKAGES = ("torch", "triton", "transformers", "trl", "accelerate", "deepspeed", "peft", "vllm")


def facts(device: str) -> dict:
    """Card, its memory in GiB, processor, cores, threads of torch, load average, commit, and versions of
    packages; null for those that are not installed."""
    here = machine()
    found = {"device": device, "card": here["processor"], "cores": here["cores"]}
    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        found |= {
            "card": card.name,
            "memory_gib": round(card.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
        }
    code = git_state(Path(__file__).parents[1])
    found |= {"processor": here["processor"], "threads": torch.get_num_threads()}
    found |= {"load_at_start": load(), "commit": code["commit"], "as_committed": code["clean"]}
    return {**found, "python": platform.python_version(), **{p: version_of(p) for p in _PACKAGES}}


def load() -> list[float]:
    """How many processes ran or waited to: means over 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def lacking(device: str) -> str | None:
    """One sentence where `device` is not to be had, else None."""
    if device == "cuda" and not torch.cuda.is_available():
        return "torch finds no GPU here; expected one, or --device cpu to run on the CPU."
    return None


def exact_float32() -> None:
    """Products of float32 matrices in float32: TF32 would round their inputs to 10 bits."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")


def fast_float32() -> None:
    """Products of float32 matrices in TF32: weights and sums stay in float32."""
    torch.set_float32_matmul_precision("high")
