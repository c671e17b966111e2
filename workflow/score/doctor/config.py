"""What `score.doctor --configfile` checks: whether this site has what an experiment needs."""

# An older Python must be able to run this, for check_python to report it.
from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from score.doctor.findings import Finding, ask_python, fail, ok, warn
from score.files.places import REPOSITORY
from score.jobs.hub import hub_answers, offline

_DEFAULT = REPOSITORY / "configs" / "config.yaml"
# Code for subprocesses, since packages may be missing. As with Snakemake, the values of the later file
# replace those of the default, and its sections extend them. Printed: what is wrong, and the config.
_CHECK = """
import copy, json, os
os.chdir(%r)
from score.experiment.config_files import read_config
from score.experiment.overlay import resolved
from score.experiment.plan import Plan
from score.experiment.preflight import check_config, check_inputs
from score.experiment.run_files import RunFiles
from score.jobs.hub import use_cache_where_out_of_reach
def merge(below, above):
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        below[key] = merge(below[key], value) if both else value
    return below
try:
    default, overlay = [read_config(path) for path in %r]
    config = resolved(merge(default, copy.deepcopy(overlay)), overlay)
    config = check_config(config, "workflow/schemas/config.schema.yaml")
    use_cache_where_out_of_reach(RunFiles(Plan(config)).hub_names())
    check_inputs(config)
    print(json.dumps(["", config]))
except ValueError as error:
    print(json.dumps([str(error), None]))
"""
_CAPABILITIES = """
import json, torch
print(json.dumps([torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count())]))
"""
# The compute capability from which on an attention has kernels, and which GPUs have it.
_OLDEST = {
    "flash_attention_2": ((8, 0), "an A100 or newer"),
    "flash_attention_3": ((9, 0), "an H100 or newer"),
}
_CACHED = """
from pathlib import Path
from huggingface_hub import snapshot_download
folder = snapshot_download(%r, cache_dir=%r, local_files_only=True)
assert any(Path(folder).glob("*.safetensors"))
"""


def check_config_file(path: str) -> Iterator[Finding]:
    """The config itself, then its launcher's GPUs, its policy and its problems."""
    checked = ask_python(_CHECK % (str(REPOSITORY), [str(_DEFAULT), str(Path(path).resolve())]))
    message, config = (checked.error, {}) if checked.error else json.loads(checked.text)
    if message:
        yield fail(f"{path}: {message}", "See above; snakemake -n says the same.")
        return
    yield ok(f"{path}: keys, values and local files fit")
    yield from _gpus(config)
    yield from _kernels(config)
    yield from _policy(config["model_path"], config["cache_dir"])
    yield from _problems(config["problems"])


def _gpus(config: dict) -> Iterator[Finding]:
    launcher = config["launcher"]
    if Path(launcher).name == "cpu.yaml":
        yield ok(f"launcher {launcher}: needs no GPU")
        return
    answer = ask_python("import torch\nprint(torch.cuda.device_count())")
    count = int(answer.text) if not answer.error else 0
    if count:
        asked = "--set-resources train_stage_one:gpu=N train_stage_two:gpu=N"
        yield ok(f"launcher {launcher}: {count} GPUs here; {asked} says how many of them train")
    elif shutil.which("sbatch"):
        yield ok(f"launcher {launcher}: no GPU here; jobs get theirs from Slurm")
    else:
        yield fail(
            f"launcher {launcher}: no GPU here and no Slurm",
            "Take launcher: configs/accelerate/cpu.yaml, or a machine with GPUs.",
        )


def _kernels(config: dict) -> Iterator[Finding]:
    """Whether GPUs here can run the attention that is asked for, and kernels can be compiled."""
    name = config["attn_implementation"]
    if name in _OLDEST:
        answer = ask_python(_CAPABILITIES)
        found = [tuple(one) for one in json.loads(answer.text)] if not answer.error else []
        wanted, generation = _OLDEST[name]
        if not found:
            yield warn(
                f"attn_implementation {name}: no GPU here to see whether it runs",
                f"It wants {generation}: look with srun --gpus 1 python -m score.doctor --configfile …",
            )
        elif min(found) < wanted:
            yield fail(
                f"attn_implementation {name}: a GPU here is of compute capability "
                f"{'.'.join(map(str, min(found)))}, and it wants {generation}",
                "Set attn_implementation to null for transformers' own choice.",
            )
        else:
            yield ok(f"attn_implementation {name}: the GPUs here can run it")
    if config["compile_decoding"]:
        names = (os.environ.get("CXX"), "g++", "clang++", "c++")
        compiler = next((one for one in names if one and shutil.which(one)), None)
        if compiler:
            yield ok(f"compile_decoding: {compiler} is here")
        else:
            yield fail(
                "compile_decoding: no C++ compiler here, with which torch.compile builds kernels",
                "Install g++ by the system's packages, or set compile_decoding: false.",
            )


def _policy(name: str, cache: str | None) -> Iterator[Finding]:
    if (REPOSITORY / name).exists():
        yield ok(f"model_path {name}: a folder")
        return
    if ask_python(_CACHED % (name, cache), patience=60).error is None:
        yield ok(f"model_path {name}: in the cache")
    elif not offline() and hub_answers():
        yield warn(f"model_path {name}: not in the cache yet", f"hf download {name}")
    else:
        where = f"HF_HOME={os.environ.get('HF_HOME', '/shared/huggingface')}"
        yield fail(
            f"model_path {name}: not in the cache, and the hub is out of reach",
            f"Where there is a network: {where} hf download {name}",
        )


def _problems(problems: dict) -> Iterator[Finding]:
    """Data of the hub is downloaded by prepare_problems, which can be run where there is a network."""
    places: list[str | None] = []
    for key in ("data_path", "test_path"):
        places += problems[key] if isinstance(problems[key], list) else [problems[key]]
    hub = [place for place in places if place and not (REPOSITORY / place).exists()]
    if not hub:
        yield ok("problems: in files")
    elif offline():
        yield warn(
            f"problems: {', '.join(hub)} from the hub, and HF_HUB_OFFLINE is set",
            "Where there is a network: snakemake --cores 1 --until prepare_problems --configfile …",
        )
    else:
        yield ok(f"problems: {', '.join(hub)} from the hub, fetched by prepare_problems")
