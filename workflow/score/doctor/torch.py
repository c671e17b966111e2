"""What `score.doctor` checks of torch, the driver and DeepSpeed."""

import json
import os
import shutil
from collections.abc import Iterator

from score.doctor.findings import Finding, ask, ask_python, fail, ok, warn

# The oldest driver for each CUDA release that torch is built for, as NVIDIA's release notes say.
OLDEST_DRIVER = {"11": (450, 80), "12": (525, 60), "13": (580, 65)}
_FACTS = """
import json, torch
usable = torch.cuda.is_available()
gpus = range(torch.cuda.device_count() if usable else 0)
of = torch.cuda.get_device_properties
print(json.dumps({
    "torch": torch.__version__, "cuda": torch.version.cuda, "usable": usable,
    "gpus": [[of(i).name, of(i).total_memory, of(i).major >= 8] for i in gpus],
}))
"""


def check_gpus() -> Iterator[Finding]:
    """torch's CUDA build, the driver, and which GPUs torch can use."""
    answer = ask_python(_FACTS)
    if answer.error:
        yield fail(f"torch: {answer.error}", "pip install -r requirements.txt")
        return
    facts = json.loads(answer.text)
    yield ok(f"torch {facts['torch']}, built for CUDA {facts['cuda'] or 'none'}")
    driver, present = _driver()
    if facts["usable"]:
        yield from _usable(facts["gpus"], driver)
    elif not present:
        yield warn(
            "GPUs: none here",
            "Enough for the embedded default and for a login node; run this on a GPU node too: "
            "srun --gpus 1 python -m score.doctor.",
        )
    else:
        yield _unusable(facts, driver, present)


def _driver() -> tuple[str, list[str]]:
    """Version of the driver and the names of its GPUs; both empty where nvidia-smi finds none."""
    query = ("--query-gpu=driver_version,name", "--format=csv,noheader")
    rows = [line.split(", ", 1) for line in ask("nvidia-smi", *query).text.splitlines()]
    rows = [row for row in rows if len(row) == 2]
    return (rows[0][0] if rows else ""), [row[1] for row in rows]


def _usable(gpus: list, driver: str) -> Iterator[Finding]:
    shown = ", ".join(f"{name} ({memory / 2**30:.0f} GiB)" for name, memory, _ in gpus)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    limited = f"; CUDA_VISIBLE_DEVICES={visible}" if visible is not None else ""
    yield ok(f"GPUs: {len(gpus)}: {shown}; driver {driver or 'unknown'}{limited}")
    if all(bf16 for *_, bf16 in gpus):
        yield ok("bfloat16: every GPU computes in it")
    else:
        yield warn(
            "bfloat16: not every GPU computes in it", "Set precision: float32 in the config."
        )


def _unusable(facts: dict, driver: str, present: list[str]) -> Finding:
    here = f"GPUs: {len(present)} here ({present[0]}, driver {driver}), but torch can't use them"
    if facts["cuda"] is None:
        return fail(f"{here}: it is built without CUDA", "Install a CUDA build of the same torch.")
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1", "NoDevFiles"):
        return warn(
            f"{here}: CUDA_VISIBLE_DEVICES hides them", "Unset it, or ask Slurm for --gpus 1."
        )
    oldest = OLDEST_DRIVER.get(facts["cuda"].partition(".")[0], (0, 0))
    if tuple(int(part) for part in driver.split(".")[:2]) < oldest:
        return fail(
            f"{here}: CUDA {facts['cuda']} needs driver {oldest[0]}.{oldest[1]} or newer",
            f"Update the driver, or install torch {facts['torch'].partition('+')[0]} built for an "
            "older CUDA.",
        )
    return fail(here, "See what python -c 'import torch; torch.cuda.init()' says.")


def check_deepspeed() -> Iterator[Finding]:
    answer = ask_python("import deepspeed\nprint(deepspeed.__version__)")
    if answer.error:
        yield fail(f"DeepSpeed: {answer.error}", "pip install -r requirements.txt")
        return
    yield ok(f"DeepSpeed {answer.text}")
    lacking = [name for name in ("g++", "ninja") if shutil.which(name) is None]
    if lacking:
        yield warn(
            f"DeepSpeed: no {' and no '.join(lacking)}",
            "Only zero3-offload.yaml on GPUs needs them, to compile its CPU Adam: install g++ by the "
            "system's packages and ninja by pip.",
        )
    else:
        yield ok("DeepSpeed: g++ and ninja for offload are installed")
