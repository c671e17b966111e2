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


@pytest.mark.parametrize("seconds", [100, 3], ids=["killed", "ended"])
def test_child_of_a_parent_that_is_gone_is_gone(seconds):
    command = [sys.executable, "-c", PARENT, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        time.sleep(6)  # the watch starts, and looks around every second
        watches = [p for p in psutil.process_iter() if str(parent.pid) in _words(p)]
        assert len(watches) == (1 if seconds == 100 else 0)
        assert child.is_running() == (seconds == 100)
        parent.kill()
    gone, _ = psutil.wait_procs([child, *watches], timeout=10)
    assert len(gone) == 1 + len(watches)


def _words(process):
    try:
        return process.cmdline() if "score.sampling.engine_watch" in process.cmdline() else []
    except psutil.Error:
        return []
