"""A killed process takes its children along, even those that would not notice."""

import subprocess
import sys
import time

import psutil
import pytest

PARENT = """
import subprocess, sys, time
from score.sampling.engine_watch import watch_over_children
watch_over_children()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print(child.pid, flush=True)
time.sleep(float(sys.argv[1]))
child.kill()
"""


@pytest.mark.parametrize("seconds", [100, 1.5], ids=["killed", "ended"])
def test_child_of_a_parent_that_is_gone_is_gone(seconds):
    command = [sys.executable, "-c", PARENT, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        [watch] = _until(lambda: _watches(parent.pid))
        if seconds == 100:
            time.sleep(2.5)  # it looks around every second
            assert watch.is_running() and child.is_running()
        else:  # both are over soon, and the watch with nothing left to do
            parent.wait(timeout=10)
            assert _until(lambda: not watch.is_running())
            assert not child.is_running()
        parent.kill()
    gone, _ = psutil.wait_procs([child, watch], timeout=10)
    assert len(gone) == 2


def _watches(pid):
    return [process for process in psutil.process_iter() if str(pid) in _words(process)]


def _until(condition):
    """What the condition comes to be, as soon as it holds, and at the latest in ten seconds."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def _words(process):
    try:
        return process.cmdline() if "score.sampling.engine_watch" in process.cmdline() else []
    except psutil.Error:
        return []
