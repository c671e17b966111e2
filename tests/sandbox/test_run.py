"""Programs of a model: cheats do not pass, hangs end, escapes fail, and nothing is left behind."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from escaping_programs import ESCAPES
from hostile_programs import CHEATS, HANGS
from score.sandbox import run as sandbox
from score.tasks import code
from score.verifiers.verifier import Verifier

DEADLINE = 1.0
DOUBLE = {
    "imports": [],
    "prompt": "",
    "names": ["double"],
    "setup": "",
    "tests": ["assert double(2) == 4", "assert double([1]) == [1, 1]", "assert double('') == ''"],
}
ESCAPE = DOUBLE | {"names": ["escape"], "tests": ["assert escape() is True"]}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox's layers are Linux's")


def sandboxed_processes() -> set[str]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"program_process.py" in command or b"tests_process.py" in command:
            found.add(folder.name)
    return found


def left_behind(before: set[str], seconds: float = 10.0) -> set[str]:
    """Sandboxed processes that are not in `before` and still live after some seconds."""
    ends = time.monotonic() + seconds
    extra = sandboxed_processes() - before
    while extra and time.monotonic() < ends:
        time.sleep(0.05)
        extra &= sandboxed_processes()
    return extra


@pytest.fixture(scope="module", autouse=True)
def traces(tmp_path_factory):
    """Whatever the programs here do, no process and no file is left behind."""
    before = sandboxed_processes()
    temporary = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(temporary))
        yield temporary
    assert not left_behind(before)
    assert not list(temporary.iterdir())
    assert not [folder for folder in ("/tmp", "/dev/shm") if Path(folder, "score-escape").exists()]


def outcome_in_time(source: str, record: dict) -> sandbox.Outcome:
    started = time.monotonic()
    outcome = sandbox.run_tests(source, record, DEADLINE)
    assert time.monotonic() - started < DEADLINE + 1
    return outcome


def test_the_corpus_is_large_enough():
    assert len(CHEATS) + len(HANGS) + len(ESCAPES) >= 80


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_does_not_pass(name):
    assert outcome_in_time(CHEATS[name], DOUBLE).kind in ("failed", "timeout")


@pytest.mark.parametrize("name", HANGS)
def test_a_program_that_hangs_ends_at_its_deadline(name):
    assert outcome_in_time(HANGS[name], DOUBLE).kind in ("failed", "timeout")


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    """A user's folder with a secret, a listening socket, a watching process, an environment."""
    home = tmp_path_factory.mktemp("home")
    secret = home / "secret"
    secret.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        os.environ["API_KEY"] = "secret"
        yield {"home": home, "secret": secret, "port": port, "pid": os.getpid()}
        del os.environ["API_KEY"]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert [path.name for path in home.iterdir()] == ["secret"]
    assert secret.read_text() == "secret"
    assert secret.stat().st_mode & 0o777 != 0


@pytest.mark.parametrize("name", ESCAPES)
def test_an_escape_fails(name, surroundings):
    outcome = outcome_in_time(ESCAPES[name].format(**surroundings), ESCAPE)
    assert outcome.kind in ("failed", "timeout"), outcome
    assert "NameError" not in outcome.reason and "SyntaxError" not in outcome.reason


def test_an_honest_program_passes_and_may_use_its_scratch():
    source = """
import collections, threading
def double(x):
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()
    with open('notes', 'w') as file: file.write(str(x))
    assert open('notes').read() == str(x)
    return x * 2
"""
    if "root" not in sandbox.layers():
        pytest.skip("this system grants no private mount, so nothing may be written")
    assert sandbox.run_tests(source, DOUBLE, 10.0) == ("passed", "")


def test_values_keep_their_types_and_objects_can_be_used_from_the_tests():
    source = """
from collections import Counter, namedtuple
class Node:
    def __init__(self, value): self.value, self.next = value, None
def total(node): return node.value + total(node.next) if node else 0
def echo(x): return x
def squares(n): return (i * i for i in range(n))
def count(text): return Counter(text)
def fail(): raise KeyError('k')
"""
    tests = [
        "root = Node(1)\nroot.next = Node(2)\nassert total(root) == 3 and root.next.value == 2",
        "for x in (None, True, 1, -2**70, 1.5, 1e300, 'é', b'x', 1j, (1, [2]), {1: {2}}, {(1,): 0},"
        " frozenset({1}), range(3), float('inf')):\n"
        "    assert echo(x) == x and type(echo(x)) is type(x)",
        "assert list(squares(4)) == [0, 1, 4, 9]",
        "assert count('aab') == {'a': 2, 'b': 1}",
        "try:\n    fail()\n    assert False\nexcept KeyError:\n    pass",
        "assert echo(int) is int",
    ]
    names = ["Node", "total", "echo", "squares", "count", "fail"]
    record = DOUBLE | {"names": names, "tests": tests}
    assert sandbox.run_tests(source, record, 10.0) == ("passed", "")


def test_a_program_cannot_change_the_data_of_a_test():
    source = "def double(x):\n    x.clear()\n    return x"
    record = DOUBLE | {"tests": ["given = [1, 2]\nassert double(given) == given * 2"]}
    assert sandbox.run_tests(source, record, 10.0).kind == "failed"


def test_verdicts_of_the_code_task_come_through_the_verifier():
    gold = code.parse_gold(
        {"tests": ["assert double(2) == 4"], "solution": "def double(x):\n    return x * 2"}
    )
    attempts = {
        "correct": "```python\ndef double(x):\n    return x + x\n```",
        "incorrect": "```python\ndef double(x):\n    return x\n```",
        "timeout": "```python\nwhile True: pass\n```",
        "no_answer": "```python\ndef double(x):\n    return x + x",
    }
    with Verifier("code", deadline=2.0) as verifier:
        verdicts = verifier(list(attempts.values()), [gold] * 4)
        assert [verdict.verdict for verdict in verdicts] == list(attempts)
        assert verifier.check_golds([gold])[0].correct


def test_a_program_that_the_sandbox_could_not_start_is_no_wrong_program(monkeypatch):
    start = sandbox._start

    def start_and_lose_the_program(side, *arguments):
        started = start(side, *arguments)
        if side == "program":
            started.kill()
        return started

    monkeypatch.setattr(sandbox, "_start", start_and_lose_the_program)
    outcome = sandbox.run_tests("def double(x): return x * 2", DOUBLE, 10.0)
    assert outcome.kind == "error" and "did not start" in outcome.reason


def test_all_layers_hold_where_the_kernel_has_them():
    wanted = {"limits", "seccomp"}
    assert wanted <= set(sandbox.layers()), "this system refuses seccomp: see sandbox/confine.py"


def test_nothing_of_a_sandbox_survives_the_death_of_the_one_who_started_it(tmp_path):
    script = tmp_path / "main.py"
    script.write_text(
        "from score.sandbox import run as sandbox\n"
        f"sandbox.run_tests('while True: pass', {json.dumps(DOUBLE)}, 600.0)\n"
    )
    before = sandboxed_processes()
    starter = subprocess.Popen([sys.executable, script], env=os.environ | {"TMPDIR": str(tmp_path)})
    ends = time.monotonic() + 20
    while len(sandboxed_processes() - before) < 2 and time.monotonic() < ends:
        time.sleep(0.05)
    assert len(sandboxed_processes() - before) >= 2
    starter.kill()
    starter.wait()
    assert not left_behind(before)
