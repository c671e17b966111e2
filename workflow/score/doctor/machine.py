"""What `score.doctor` checks of Python, packages, disks, network, limits and the sandbox."""

import importlib.metadata
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from score.doctor.findings import Finding, ask_python, fail, ok, warn
from score.files.places import REPOSITORY
from score.files.sizes import size_text
from score.jobs.hub import hub_answers, offline

_GB = 10**9


def check_python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 (an older Python can run this)
        yield fail(f"Python {version}; expected 3.11 or newer", "make PYTHON=python3.11 run")
    else:
        yield ok(f"Python {version} ({sys.executable})")


def pins(text: str) -> dict[str, str]:
    """Package to version, from the lines `package==version` of a requirements file."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return dict(line.split("==") for line in lines if "==" in line)


def check_packages() -> Iterator[Finding]:
    wanted = pins((REPOSITORY / "requirements.txt").read_text())
    missing, other = [], []
    for name, version in wanted.items():
        try:
            have = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{name} {version}")
            continue
        if have.partition("+")[0] != version:  # a local build such as 2.13.0+cu130 is that version
            other.append(f"{name} is {have}, expected {version}")
    cure = f"{sys.executable} -m pip install -r requirements.txt"
    if missing:
        yield fail(f"packages: {', '.join(missing)} missing", cure)
    if other:
        yield warn(f"packages: {'; '.join(other)}", cure)
    if not missing and not other:
        yield ok(f"packages: all {len(wanted)} as requirements.txt says")


def cache_home() -> str:
    """The folder of all caches; Snakemake needs one of its own below it."""
    return os.environ.get("XDG_CACHE_HOME", "~/.cache")


def hub_cache() -> Path:
    """Where hub downloads are kept, by the variables that huggingface_hub reads."""
    home = os.environ.get("HF_HOME", f"{cache_home()}/huggingface")
    return Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub")).expanduser()


def check_disk() -> Iterator[Finding]:
    """Whether files can be written, and free space in bytes."""
    results = Path("results").resolve()
    temporary = Path(os.environ.get("TMPDIR") or tempfile.gettempdir())
    many = "a policy of 1.5 billion weights needs about 65 GB for its checkpoints"
    larger = "Set HF_HOME to a larger disk, or one that can be written."
    elsewhere = "Set XDG_CACHE_HOME to a folder that can be written, where HOME is read-only."
    cache = Path(cache_home()).expanduser() / "snakemake"
    yield _room("results", results, _GB, 65 * _GB, many, "Link results/ to a larger disk.")
    yield _room("Hugging Face cache", hub_cache(), 0, 20 * _GB, "policies are large", larger)
    found = _room("Snakemake's cache", cache, 0, 0, "", elsewhere)
    if found.level == "FAIL":  # it needs no room worth a line
        yield found
    other = "Set TMPDIR to another folder."
    yield _room("TMPDIR", temporary, _GB // 10, _GB, "programs are tested there", other)
    more = "Give the container more of it."
    yield _room("/dev/shm", Path("/dev/shm"), 0, _GB, "GPUs exchange data there", more)


def _room(name: str, path: Path, least: int, wanted: int, why: str, cure: str) -> Finding:
    """FAIL where less than `least` bytes are free, warn with `why` where less than `wanted` are."""
    existing = next(p for p in (path, *path.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return fail(f"{name} ({path}): can't be written: {error.strerror}", cure)
    free = shutil.disk_usage(existing).free
    found = f"{name} ({path}): {size_text(free)} free"
    if free < least:
        return fail(f"{found}; expected {size_text(least)} or more", cure)
    return ok(found) if free >= wanted else warn(f"{found}; {why}", cure)


def check_hub() -> Iterator[Finding]:
    if offline():
        yield ok(f"hub: HF_HUB_OFFLINE is set; only what {hub_cache()} holds is used")
    elif hub_answers():
        yield ok("hub: can be reached")
    else:
        yield warn(
            "hub: can't be reached",
            "Where there is a network: HF_HOME=/shared/huggingface hf download NAME. Here: export "
            "HF_HOME=/shared/huggingface HF_HUB_OFFLINE=1. Policies and problems in folders need none.",
        )


def check_limits() -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < 4096:
        raised = "4096" if hard < 0 or hard >= 4096 else f"{hard}, and ask for a higher hard limit"
        yield warn(f"open files: at most {soft}", f"ulimit -n {raised}")
    else:
        yield ok(f"open files: {soft if soft >= 0 else 'no limit'}")


def check_sandbox() -> Iterator[Finding]:
    """Layers of the sandbox for programs (score.sandbox.run); math and QA don't use it."""
    answer = ask_python("from score.sandbox.run import layers\nprint(*layers())", patience=30)
    if answer.error:
        yield fail(f"sandbox: {answer.error}", "Needed for task_type: code, and by no other task.")
        return
    layers = answer.text.split()
    cures = {
        "namespaces": "allow user namespaces (sysctl user.max_user_namespaces, "
        "kernel.apparmor_restrict_unprivileged_userns), or install bubblewrap",
        "root": "as namespaces: programs see which files exist outside, and may write nothing",
        "landlock": "needs Linux 5.13",
        "seccomp": "the container or the architecture forbids it",
    }
    given = {"namespaces", "root"} if "bubblewrap" in layers else set()
    lacking = [name for name in cures if name not in given.union(layers)]
    found = f"sandbox: {', '.join(layers)}"
    if lacking:
        yield warn(
            f"{found}; without {', '.join(lacking)}. Matters to task_type: code only",
            "; ".join(f"{name}: {cures[name]}" for name in lacking) + ".",
        )
    else:
        yield ok(found)


def check_wandb() -> Iterator[Finding]:
    """Whether there is a key; it is never printed."""
    if os.environ.get("WANDB_API_KEY"):
        yield ok("wandb: WANDB_API_KEY is set; with wandb_project_name curves are sent")
    else:
        yield ok("wandb: no WANDB_API_KEY; curves stay on disk, and wandb sync sends them later")
