"""What a check of a site finds: one line each, with the cure where something is wrong.

Only the standard library is imported here and by the checks: they must run where packages are
missing or broken. Whatever may hang, an import included, runs in a subprocess with a time limit.
"""

# An older Python must be able to run this, for check_python to report it.
from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

PATIENCE = 15  # seconds for a command; a Slurm that needs longer has a problem
IMPORT_PATIENCE = 180  # seconds; torch on a cold network disk is slow


class Finding(NamedTuple):
    """level: ok, warn or FAIL. cure: what to do, empty where nothing is wrong."""

    level: str
    what: str
    cure: str = ""


ok = partial(Finding, "ok")
warn = partial(Finding, "warn")
fail = partial(Finding, "FAIL")


class Answer(NamedTuple):
    """What a command printed; error is None where it succeeded, else a line that says why not."""

    text: str
    error: str | None


def ask(*command: str, patience: float = PATIENCE) -> Answer:
    """Run a command that may be missing, fail or hang. patience: seconds."""
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
    """The last line that some lines of Python print, run in a subprocess: imports may crash or hang."""
    answer = ask(sys.executable, "-c", code, patience=patience)
    return Answer(answer.text.rpartition("\n")[2], answer.error)


def run_check(check: Callable[..., Iterable[Finding]], *arguments) -> list[Finding]:
    """Findings of a check; an error in the check is itself a finding."""
    try:
        return list(check(*arguments))
    except Exception as error:
        name = check.__name__.removeprefix("check_")
        return [fail(f"{name}: the check broke down: {error!r}", "Look into what the error names.")]
