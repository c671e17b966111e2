"""What `score.doctor --configfile` asks: whether this site has what an experiment needs."""

from __future__ import annotations  # an old Python must get as far as being told so

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from score.doctor.findings import Finding, ask_python, fail, ok, warn
from score.doctor.machine import hub_answers, offline

_ROOT = Path(__file__).resolve().parents[3]
_DEFAULT = _ROOT / "configs" / "config.yaml"
# Read apart, since packages may be missing; overlays replace values and extend sections, as
# Snakemake's do.
_READ = """
import json, sys, yaml
def merge(below, above):
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        below[key] = merge(below[key], value) if both else value
    return below
files = [yaml.safe_load(open(path)) or {} for path in %s]
print(json.dumps(merge(*files)))
"""
_CHECK = """
import json, os
os.chdir(%r)
from score.experiment.preflight import check_config, check_inputs
try:
    check_inputs(check_config(json.loads(%r), "workflow/schemas/config.schema.yaml"))
    print(json.dumps(""))
except ValueError as error:
    print(json.dumps(str(error)))
"""
_CACHED = """
import json
from huggingface_hub import snapshot_download
try:
    folder = snapshot_download(%r, cache_dir=%r, local_files_only=True)
    import pathlib
    print(json.dumps(any(pathlib.Path(folder).glob("*.safetensors"))))
except Exception:
    print(json.dumps(False))
"""


def check_config_file(path: str) -> Iterator[Finding]:
    """The config itself, then its launcher's GPUs, its policy and its problems."""
    if not Path(path).is_file():
        yield fail(f"{path}: not there", "Correct --configfile.")
        return
    told = ask_python(_READ % [str(_DEFAULT), str(Path(path).resolve())], patience=30)
    if told.error:
        yield fail(f"{path}: can't be read: {told.error}", "Mend the YAML.")
        return
    config = json.loads(told.text)
    refused = ask_python(_CHECK % (str(_ROOT), told.text))
    message = refused.error or json.loads(refused.text)
    if message:
        yield fail(f"{path}: {message}", "See above; snakemake -n says the same.")
        return
    yield ok(f"{path}: keys, values and local files fit")
    yield from _gpus(config)
    yield from _policy(config["model_path"], config["cache_dir"])
    yield from _problems(config["problems"])


def _gpus(config: dict) -> Iterator[Finding]:
    launcher = config["launcher"]
    if Path(launcher).name == "cpu.yaml":
        yield ok(f"launcher {launcher}: needs no GPU")
        return
    told = ask_python("import torch\nprint(torch.cuda.device_count())")
    count = int(told.text) if not told.error else 0
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


def _policy(name: str, cache: str | None) -> Iterator[Finding]:
    if (_ROOT / name).exists():
        yield ok(f"model_path {name}: a folder")
        return
    if json.loads(ask_python(_CACHED % (name, cache), patience=60).text or "false"):
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
    """Hub data come with prepare_problems, which can run ahead where there is a network."""
    places = []
    for key in ("data_path", "test_path"):
        places += problems[key] if isinstance(problems[key], list) else [problems[key]]
    hub = [place for place in places if place and not (_ROOT / place).exists()]
    if not hub:
        yield ok("problems: in files")
    elif offline():
        yield warn(
            f"problems: {', '.join(hub)} from the hub, and HF_HUB_OFFLINE is set",
            "Where there is a network: snakemake --cores 1 --until prepare_problems --configfile …",
        )
    else:
        yield ok(f"problems: {', '.join(hub)} from the hub, fetched by prepare_problems")
