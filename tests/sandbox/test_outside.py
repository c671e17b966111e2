"""No program signals, sends to, looks at, watches or changes anything outside, under any setup."""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reaching_programs import LOOKS, REACHES, program
from score.sandbox import run as sandbox

RECORD = {"imports": [], "prompt": "", "setup": "", "names": ["escape"]}
RECORD |= {"tests": ["worked = escape()\nassert worked == [], worked"]}
HONEST = """
import asyncio, ctypes, decimal, os, re, tempfile, threading
async def later(): await asyncio.sleep(0); return []
def escape():
    with open(os.devnull) as file: assert file.read() == '' and os.path.exists(os.__file__)
    return asyncio.run(later())
"""
NOTES_SIGNALS = """
import os, signal, sys
for number in set(signal.valid_signals()) - {9, 19}:
    signal.signal(number, lambda number, frame: os.write(1, b'signal %d ' % number))
os.write(1, b'ready ')
while True: signal.pause()
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or "seccomp" not in sandbox.layers(),
    reason="what nothing outside can be reached with is Linux's, above all seccomp",
)


def noted(notes: Path, text: str, seconds: float = 10.0) -> bool:
    ends = time.monotonic() + seconds
    while text not in notes.read_text() and time.monotonic() < ends:
        time.sleep(0.01)
    return text in notes.read_text()


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A process that notes signals, two addresses that wait for datagrams, a file; all checked."""
    home = tmp_path_factory.mktemp("home")
    secret, notes = home / "secret", home.with_name("notes")
    secret.write_text("secret")
    with contextlib.suppress(OSError):
        os.setxattr(secret, "user.note", b"x")
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(notes.open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-c", NOTES_SIGNALS], stdout=file, start_new_session=True
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        assert noted(notes, "ready")
        process.send_signal(signal.SIGUSR1)
        assert noted(notes, f"signal {signal.SIGUSR1}"), "signals are noted"
        abstract = f"score-outside-{process.pid}"
        sockets = []
        for address in (str(home / "socket"), f"\0{abstract}"):
            waiting = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            sockets.append(stack.enter_context(waiting))
            waiting.bind(address)
            waiting.setblocking(False)

        def state():
            received = []
            for waiting in sockets:
                with contextlib.suppress(BlockingIOError):
                    received.append(waiting.recv(1))
            pid, file = process.pid, secret.stat()
            return (
                *(notes.read_text(), process.poll(), received, sorted(os.listdir(home))),
                *(file.st_size, file.st_mode, file.st_uid, file.st_mtime, file.st_nlink),
                os.getpriority(os.PRIO_PROCESS, pid),
                *(os.sched_getaffinity(pid), os.sched_getscheduler(pid)),
                resource.prlimit(pid, resource.RLIMIT_NOFILE),
                Path("/dev/shm/score-escape").exists(),
            )

        names = {"home": home, "secret": secret, "socket": home / "socket", "abstract": abstract}
        yield names | {"pid": process.pid, "nodename": os.uname().nodename}, state


def try_to_escape(acts: dict[str, str], outside) -> None:
    names, state = outside
    before = state()
    assert sandbox.run_tests(program(acts, **names), RECORD, 10.0) == ("passed", "")
    assert state() == before


@pytest.mark.parametrize("kind", REACHES)
def test_nothing_outside_is_reached(kind, outside):
    try_to_escape(REACHES[kind], outside)


@pytest.fixture
def no_namespaces(monkeypatch):
    """The kernel grants none, as in most containers: seccomp and Landlock alone have to do."""
    script = Path(__file__).parents[1] / "support" / "without_namespaces.py"
    refusing = (*sandbox._PYTHON, str(script))
    monkeypatch.setattr(sandbox, "_wrapper", lambda: refusing)
    assert "namespaces" not in sandbox.layers() and "seccomp" in sandbox.layers()


@pytest.mark.parametrize("kind", REACHES)
def test_nothing_outside_is_reached_where_there_are_no_namespaces(kind, outside, no_namespaces):
    try_to_escape(REACHES[kind], outside)


def test_an_honest_program_passes_where_there_are_no_namespaces(no_namespaces):
    assert sandbox.run_tests(HONEST, RECORD, 10.0) == ("passed", "")


@pytest.mark.parametrize("kind", LOOKS)
def test_nothing_outside_is_seen(kind, outside):
    if "root" not in sandbox.layers():
        pytest.skip("this system grants no mounts, and so no root folder of its own")
    try_to_escape(LOOKS[kind], outside)


def test_a_program_is_the_first_process_of_its_namespace():
    if "namespaces" not in sandbox.layers():
        pytest.skip("this system grants no namespaces")
    source = "import os\ndef escape(): return [os.getpid() - 1, os.getppid()]"
    record = RECORD | {"tests": ["assert escape() == [0, 0]"]}
    assert sandbox.run_tests(source, record, 10.0) == ("passed", "")


def python_of_everyone() -> str | None:
    """A Python 3.11 or newer that another user may start and whose libraries he may read."""
    for python in (os.path.realpath(sys.executable), shutil.which("python3", path="/usr/bin:/bin")):
        if python:
            code = "import sys, json; sys.exit(sys.version_info < (3, 11))"
            with contextlib.suppress(OSError):
                run = subprocess.run([python, "-I", "-c", code], user=65534, capture_output=True)
                if run.returncode == 0:
                    return python
    return None


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user; others are one")
@pytest.mark.parametrize("bubblewrap", [False, True])
@pytest.mark.parametrize("user", [0, 65534])
def test_another_user_and_bubblewrap_are_as_tight(user, bubblewrap, outside, tmp_path):
    names, state = outside
    python, found = python_of_everyone(), shutil.which("bwrap")
    if python is None or (bubblewrap and found is None):
        pytest.skip("no Python that everyone may start, or no bubblewrap")
    package = package_for_everyone(tmp_path)
    code = (
        f"import json, sys\nsys.path.insert(0, {str(package)!r})\nfrom score.sandbox import run\n"
        f"assert ('bubblewrap' in run.layers()) == {bubblewrap}, run.layers()\n"
        "record, *sources = json.load(sys.stdin)\n"
        "print(json.dumps([run.run_tests(source, record, 10.0) for source in sources]))"
    )
    programs = [program(acts, **names) for acts in (REACHES | LOOKS).values()]
    before = state()
    done = subprocess.run(
        [python, "-c", code],
        **{"user": user, "group": user, "extra_groups": [], "text": True, "cwd": "/"},
        input=json.dumps([RECORD, HONEST, *programs]),
        env={"PATH": os.path.dirname(found) if bubblewrap else ""},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert all(outcome == ["passed", ""] for outcome in json.loads(done.stdout)), done.stdout
    assert state() == before


def package_for_everyone(folder: Path) -> Path:
    """A copy of the package that every user may read."""
    package = folder / "package"
    source = sandbox.PACKAGES / "score"
    for room in ("sandbox", "jobs"):  # `import score` takes a little of jobs
        shutil.copytree(source / room, package / "score" / room)
    shutil.copy(source / "__init__.py", package / "score")
    for path in [package, *package.parents]:
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    return package
