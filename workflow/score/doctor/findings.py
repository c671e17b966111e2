"""What a check of a site finds: one line each, with the cure where something is amiss.

Only the standard library is imported here and by the checks: they must run where packages are
missing or broken. Whatever may hang, an import included, runs apart, with a time limit.
"""

from __future__ import annotations  # an old Python must get as far as being told so

import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple

PATIENCE = 15  # seconds for a command; a Slurm that needs longer is not well
IMPORT_PATIENCE = 180  # seconds; torch on a cold network disk is slow


class Finding(NamedTuple):
    """level: ok, warn or FAIL. cure: what to do, empty where nothing is amiss."""

    level: str
    what: str
    cure: str = ""


def ok(what: str) -> Finding:
    return Finding("ok", what)


def warn(what: str, cure: str) -> Finding:
    return Finding("warn", what, cure)


def fail(what: str, cure: str) -> Finding:
    return Finding("FAIL", what, cure)


class Answer(NamedTuple):
    """What a command said; error is None where it went well, else a line that says why not."""

    text: str
    error: str | None


def ask(*command: str, patience: float = PATIENCE) -> Answer:
    """Run a command that may be missing, fail or hang."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=patience, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        return Answer("", "not found")
    except subprocess.TimeoutExpired:
        return Answer("", f"no answer within {patience:g} s")
    except OSError as error:
        return Answer("", str(error))
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        return Answer(done.stdout, lines[-1] if lines else f"exit status {done.returncode}")
    return Answer(done.stdout.strip(), None)


def ask_python(code: str, patience: float = IMPORT_PATIENCE) -> Answer:
    """Run a few lines of Python apart: a crash or a hang of an import ends only them."""
    answer = ask(sys.executable, "-c", code, patience=patience)
    return Answer(answer.text.rpartition("\n")[2], answer.error)  # the last line is the answer


def run_check(check: Callable[..., Iterable[Finding]], *arguments) -> list[Finding]:
    """Findings of a check; one that breaks down is itself a finding."""
    try:
        return list(check(*arguments))
    except Exception as error:
        name = check.__name__.removeprefix("check_")
        return [fail(f"{name}: the check broke down: {error!r}", "Look into what it names.")]
