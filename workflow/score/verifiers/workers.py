"""Killable workers: grade() of a task in another interpreter, with a hard deadline.

A grader may hang in C code where no signal handler and no thread can stop it, so each judgement
runs in a subprocess that is killed (SIGKILL, with all it started) when its deadline passes. The
next judgement starts a fresh one. Start-up and slow imports do not count.

Workers are started with exec, never fork, so they hold no CUDA or torch state and can be used from
any thread and any rank. They end by themselves when their parent is gone: an idle one reads end of
file on its pipe, a busy one is ended by the kernel's alarm just after its deadline.

`serve` is the worker's side.
"""

import json
import logging
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

from score.sandbox.run import start_deadline
from score.tasks import load_task

START_LIMIT = 120.0  # seconds for a worker to import its task
MEMORY_LIMIT = 4 * 2**30  # bytes of address space
JUDGEMENTS_PER_WORKER = 20_000  # then it is replaced, so that leaks stay small
_START = "import sys; from score.verifiers.workers import serve; serve(sys.argv[1])"
_EMPTY = {"PATH": os.defpath, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


class Worker:
    """One subprocess that grades for `task_type`. Not thread-safe: one caller at a time.

    Errors: RuntimeError with the worker's last words when it does not start.
    """

    def __init__(self, task_type: str):
        self.judged = 0
        # what the grader leaves behind lies here, and goes with the worker
        self._scratch = tempfile.mkdtemp(prefix="score-worker-")
        package_root = str(Path(__file__).resolve().parents[2])
        self._subprocess = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, task_type],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_EMPTY
            | {"PYTHONPATH": os.pathsep.join([package_root, *_extra_paths()])}
            | {"TMPDIR": self._scratch},
            start_new_session=True,  # its own group: killed as a whole, deaf to Ctrl-C
        )
        self._unread = b""
        try:
            started = self._read_line(time.monotonic() + START_LIMIT) == b"ready"
        except EOFError:
            started = False
        if not started:
            self._subprocess.kill()
            last_words = self._subprocess.stderr.read().decode(errors="replace")[-2000:]
            self.kill()
            raise RuntimeError(f"A verifier worker for task {task_type!r} died:\n{last_words}")
        # from here on nobody reads its stderr: a full pipe must not block it
        self._subprocess.stderr.close()

    def grade(self, extracted: str, answer, function: str, deadline: float) -> tuple[str, float]:
        """("graded", score), ("timeout", 0.0) or ("error", 0.0) within `deadline` seconds.

        After a timeout or an error of the subprocess itself the worker is dead: see `usable`.
        """
        ends = time.monotonic() + deadline
        request = json.dumps([extracted, answer, function, deadline]).encode() + b"\n"
        try:
            self._write(request, ends)
            reply = json.loads(self._read_line(ends))
        except TimeoutError:
            self.kill()
            return "timeout", 0.0
        except (EOFError, OSError, ValueError):
            self.kill()
            # the kernel's alarm may win the race at the deadline
            return ("timeout" if time.monotonic() >= ends - 0.01 else "error"), 0.0
        self.judged += 1
        return reply[0], reply[1]

    @property
    def usable(self) -> bool:
        return self._subprocess.poll() is None and self.judged < JUDGEMENTS_PER_WORKER

    def kill(self) -> None:
        """End the worker and all it started; safe to call twice."""
        if self._subprocess.returncode is None:
            try:
                os.killpg(self._subprocess.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._subprocess.wait()
        for pipe in (self._subprocess.stdin, self._subprocess.stdout, self._subprocess.stderr):
            try:
                pipe.close()
            except OSError:
                pass
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _write(self, data: bytes, ends: float) -> None:
        pipe = self._subprocess.stdin.fileno()
        os.set_blocking(pipe, False)
        while data:
            _wait(pipe, select.POLLOUT, ends)
            data = data[os.write(pipe, data[:65536]) :]

    def _read_line(self, ends: float) -> bytes:
        pipe = self._subprocess.stdout.fileno()
        while b"\n" not in self._unread:
            _wait(pipe, select.POLLIN, ends)
            read = os.read(pipe, 65536)
            if not read:
                raise EOFError
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line


def _wait(pipe: int, event: int, ends: float) -> None:
    """Return when `pipe` is ready; TimeoutError at `ends`. poll, since select stops at fd 1024."""
    poll = select.poll()
    poll.register(pipe, event)
    left = ends - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError


def _extra_paths() -> list[str]:
    """The caller's import path, for packages that are not installed in this interpreter."""
    return [path for path in sys.path if path and not path.endswith((".zip", "lib-dynload"))]


def serve(task_type: str) -> None:
    """The worker's side: one JSON line in, one out. Prints of the graders go nowhere."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    logging.disable(logging.CRITICAL)
    for number in (signal.SIGTERM, signal.SIGUSR1):  # Slurm sends them to all of a job; it is the
        signal.signal(number, signal.SIG_IGN)  # trainer that saves, and it still needs verdicts
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    task = load_task(task_type)
    getattr(task, "warm_up", lambda: None)()
    _limit_memory()
    replies.write(b"ready\n")
    os.dup2(nowhere, 2)
    try:
        for line in sys.stdin.buffer:
            replies.write(json.dumps(_judge(task, *json.loads(line))).encode() + b"\n")
    finally:  # the parent is gone, or has closed us
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)


def _limit_memory() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(hard, MEMORY_LIMIT)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (OSError, ValueError):
        pass  # macOS has the limit but does not take it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _judge(task: ModuleType, extracted: str, answer, function: str, deadline: float) -> tuple:
    start_deadline(deadline)
    # no handler: the kernel ends this interpreter even inside C code, even as an orphan
    signal.setitimer(signal.ITIMER_REAL, deadline + 0.25)
    try:
        return "graded", float(task.grade(extracted, answer, function))
    except TimeoutError:
        return "timeout", 0.0
    except Exception:
        return "error", 0.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
