"""The sandbox: runs model-written programs apart, so that they have no say in whether they passed.

Two processes are started for each program, both confined (confine.py). In one the program is loaded
and answers calls; in the other the tests run, call the first one over a pipe and compare what it
returns. The tests are never in the program's process, the outcome never passes through it, and what
it returns is read as plain data. Printing success, leaving with exit code 0, overriding assert,
patching builtins or walking the stack therefore gain nothing.

At the deadline both process groups are killed. Each process has a scratch directory in memory, or
else may write nothing.

What this protects against: programs that hang, flood, fork, read, write or look at files, open
connections, signal, watch or trace others, or cheat the tests. What remains possible stands in
docs/sandbox.md. `layers()` says which layers hold here. Where bubblewrap is installed and works, it is
put around all this.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import score

# these so that their byte code is cached for the processes below, which write none
from score.sandbox import in_place, program_side, tests_side, wire  # noqa: F401
from score.sandbox.confine import libraries
from score.sandbox.packages import folders, numpy_folder

MEMORY_LIMIT = 2**30  # bytes of address space for each of the two processes
PACKAGES = Path(__file__).resolve().parents[2]  # the folder that holds the package `score`
_PYTHON = [os.path.realpath(sys.executable), "-I", "-S", "-B", "-X", "utf8"]
_ends: float | None = None  # time.monotonic() of the deadline that was started last


def start_deadline(seconds: float) -> None:
    """Called by a verifier's worker before it grades an answer: `seconds_left` counts from now on."""
    global _ends
    _ends = time.monotonic() + seconds


def seconds_left() -> float | None:
    """Seconds until the deadline; None where none was started."""
    return None if _ends is None else _ends - time.monotonic()


class Outcome(NamedTuple):
    """kind: passed, failed, timeout or error (of the sandbox itself). reason: for a person."""

    kind: str
    reason: str


def run_tests(source: str, record: dict, seconds: float) -> Outcome:
    """Load the program `source` behind the prompt of `record`, and run its tests (score.tasks.code).

    seconds: wall-clock time for both, from now on; then everything is killed.
    """
    ends = time.monotonic() + seconds
    scratch = tempfile.mkdtemp(prefix="score-")
    to_program, from_tests = os.pipe()
    to_tests, from_program = os.pipe()
    outcome, outcome_end = os.pipe()
    running = []
    try:
        parent = 0 if _wrapper() else os.getpid()  # a wrapper ends its child with its parent itself
        limits = [MEMORY_LIMIT, int(seconds) + 2, parent]
        running.append(_start("program", scratch, [to_program, from_program], limits))
        running.append(_start("tests", scratch, [to_tests, from_tests], limits, outcome_end))
        for pipe in (to_program, from_program, to_tests, from_tests, outcome_end):
            os.close(pipe)
        order = json.dumps({"source": source, "record": record}).encode()
        return _outcome(running[1].stdin, order, outcome, ends)
    finally:
        for process in running:
            kill_group(process)
        os.close(outcome)
        shutil.rmtree(scratch, ignore_errors=True)


def _start(side: str, scratch: str, pipes: list[int], limits: list[int], *outcome: int):
    """Start a process of the sandbox; that of the tests also gets the pipe for the outcome."""
    script = Path(__file__).with_name(f"{side}_process.py")
    arguments = [script, PACKAGES, *pipes, *limits, numpy_folder(), *outcome]
    return subprocess.Popen(
        [*_wrapper(), *_PYTHON, *map(str, arguments)],
        stdin=subprocess.PIPE if outcome else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[*pipes, *outcome],
        cwd=scratch,
        env={},
        start_new_session=True,
    )


def _outcome(stdin, order: bytes, outcome: int, ends: float) -> Outcome:
    """Hand the process of the tests its order and read the outcome, both until `ends`."""
    os.set_blocking(stdin.fileno(), False)
    poll = select.poll()
    poll.register(stdin.fileno(), select.POLLOUT)
    poll.register(outcome, select.POLLIN)
    answer = b""
    while True:
        left = ends - time.monotonic()
        ready = dict(poll.poll(max(0.0, left) * 1000))
        if outcome in ready:
            read = os.read(outcome, 65536)
            if not read:
                break
            answer += read
        elif left <= 0:
            return Outcome("timeout", "the deadline passed")
        elif ready:
            try:
                order = order[os.write(stdin.fileno(), order[:65536]) :]
            except BrokenPipeError:
                order = b""
            if not order:
                poll.unregister(stdin.fileno())
                stdin.close()
    try:
        kind, reason = json.loads(answer)
        return Outcome(kind, reason)
    except ValueError:
        return Outcome("error", "the process of the tests ended without an outcome")


def kill_group(process: subprocess.Popen) -> None:
    """Kill a process that leads a session, and all it started; close its pipes. Safe to call twice."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
        with suppress(OSError):
            pipe.close()


@lru_cache(maxsize=1)
def _wrapper() -> tuple[str, ...]:
    """The command of bubblewrap, to put in front of others; empty where it does not work here."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        return ()
    seen = [
        _PYTHON[0],
        str(Path(score.__file__)),
        str(Path(__file__).parent),
        *libraries(folders(numpy_folder())),
    ]
    command: tuple[str, ...]
    command = (bubblewrap, "--unshare-all", "--die-with-parent", "--dev", "/dev", "--proc", "/proc")
    command += tuple(word for path in seen for word in ("--ro-bind", path, path))
    command += ("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache")
    command += ("--hostname", "sandbox", "--dir", "/scratch", "--chdir", "/scratch", "--")
    try:
        works = subprocess.run([*command, *_PYTHON, "-c", ""], capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return command if works.returncode == 0 else ()


def layers() -> list[str]:
    """The layers of confine.py that this machine grants, plus bubblewrap where it is used."""
    code = (
        f"import sys; sys.path.insert(0, {str(PACKAGES)!r})\n"
        "from score.sandbox.confine import confine\n"
        f"print(*confine({MEMORY_LIMIT}, 10), sep=',')"
    )
    scratch = tempfile.mkdtemp(prefix="score-")
    try:
        command = [*_wrapper(), *_PYTHON, "-c", code]
        found = subprocess.run(command, cwd=scratch, env={}, capture_output=True, text=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return (["bubblewrap"] if _wrapper() else []) + found.stdout.strip().split(",")
