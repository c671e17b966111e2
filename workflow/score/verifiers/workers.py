"""Killable workers: grade() and second_opinion() of a task in another interpreter, with a hard deadline.

A grader may hang in C code where no signal handler and no thread can stop it, so it runs in a
subprocess that is killed (SIGKILL, with all it started) when a deadline passes. The next answer is
then graded by a fresh one. Start-up and slow imports do not count.

Workers are started with exec, never fork, so they hold no CUDA or torch state and can be used from
any thread and any rank. They end by themselves after their parent: an idle one reads end of file on
its pipe, a busy one is ended by the kernel's alarm just after its deadline.

`Worker` runs in the parent, `serve` in the worker.
"""

import json
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from types import ModuleType

from score.files.errors import SiteError
from score.sandbox.confine import limit_resources
from score.sandbox.run import PACKAGES, kill_group, start_deadline
from score.tasks import load_task

START_LIMIT = 120.0  # seconds for a worker to import its task
MEMORY_LIMIT = 4 * 2**30  # bytes of address space
GRADES_PER_WORKER = 20_000  # then it is replaced, so that leaks stay small
_START = "import sys; from score.verifiers.workers import serve; serve(sys.argv[1])"
_EMPTY = {"PATH": os.defpath, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


class Worker:
    """One subprocess that grades for `task_type`. Not thread-safe: one caller at a time.

    SiteError with the last line of the worker's stderr where it does not start.
    """

    def __init__(self, task_type: str):
        self.graded = 0
        # files of the grader: removed with the worker
        self._scratch = tempfile.mkdtemp(prefix="score-worker-")
        # besides this package, the caller's packages that are not installed in this interpreter
        others = [p for p in sys.path if p and not p.endswith((".zip", "lib-dynload"))]
        path = os.pathsep.join([str(PACKAGES), *others])
        self._subprocess = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, task_type],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_EMPTY | {"PYTHONPATH": path, "TMPDIR": self._scratch},
            start_new_session=True,  # its own group: killed as a whole, and no Ctrl-C reaches it
        )
        stdin, stdout = self._subprocess.stdin, self._subprocess.stdout
        stderr = self._subprocess.stderr
        assert stdin and stdout and stderr  # they are pipes
        self._stdin, self._stdout = stdin, stdout
        self._unread = b""
        try:
            started = self._read_line(time.monotonic() + START_LIMIT) == b"ready"
        except EOFError:
            started = False
        if not started:
            self._subprocess.kill()
            said = stderr.read().decode(errors="replace").strip()
            self.kill()
            reason = said.rpartition("\n")[2] or "it said nothing"
            raise SiteError(
                f"a verifier worker for task {task_type!r} died as it started ({reason}); expected the "
                'task to load. Mend its file or the installation: python -c "from score.tasks import '
                f'load_task as t; t({task_type!r}).warm_up()"'
            )
        # nothing reads its stderr from here on, and a full pipe would block it
        stderr.close()

    def grade(
        self, extracted: str, answer, function: str, deadline: float, asked: str = "grade"
    ) -> tuple[str, float | None]:
        """("graded", score), ("timeout", 0.0) or ("error", 0.0) within `deadline` seconds.

        asked: which function of the task is called, grade or second_opinion; the latter's score may be
        None. After a timeout or an error of the subprocess itself the worker is dead: see `usable`.
        """
        ends = time.monotonic() + deadline
        request = json.dumps([asked, extracted, answer, function, deadline]).encode() + b"\n"
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
        self.graded += 1
        return reply[0], reply[1]

    @property
    def usable(self) -> bool:
        return self._subprocess.poll() is None and self.graded < GRADES_PER_WORKER

    def kill(self) -> None:
        """End the worker and all it started; safe to call twice."""
        kill_group(self._subprocess)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _write(self, data: bytes, ends: float) -> None:
        pipe = self._stdin.fileno()
        os.set_blocking(pipe, False)
        while data:
            _wait(pipe, select.POLLOUT, ends)
            data = data[os.write(pipe, data[:65536]) :]

    def _read_line(self, ends: float) -> bytes:
        pipe = self._stdout.fileno()
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


def serve(task_type: str) -> None:
    """Run a worker: one JSON line in, one out. What the graders print is dropped."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    logging.disable(logging.CRITICAL)
    # Slurm sends these to all processes of a job; the trainer saves on them and still needs verdicts
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    task = load_task(task_type)
    getattr(task, "warm_up", lambda: None)()
    limit_resources(AS=MEMORY_LIMIT, CORE=0)
    replies.write(b"ready\n")
    os.dup2(nowhere, 2)
    try:
        for line in sys.stdin.buffer:
            replies.write(json.dumps(_grade(task, *json.loads(line))).encode() + b"\n")
    finally:  # the parent has ended, or has closed this worker
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)


def _grade(
    task: ModuleType, asked: str, extracted: str, answer, function: str, deadline: float
) -> tuple:
    start_deadline(deadline)
    # no handler: the kernel ends this interpreter even inside C code, even as an orphan
    signal.setitimer(signal.ITIMER_REAL, deadline + 0.25)
    try:
        score = getattr(task, asked)(extracted, answer, function)
        return "graded", score if score is None and asked != "grade" else float(score)
    except TimeoutError:
        return "timeout", 0.0
    except Exception:
        return "error", 0.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
