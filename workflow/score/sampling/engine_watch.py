"""Ends what a killed process leaves behind: vLLM's engine would run on and hold its GPU.

    python -m score.sampling.engine_watch PID

Stays beside process PID, which holds the other end of this one's standard input, and kills its
children when it is gone. In good order they end by themselves, and nothing is left to kill.
"""

import os
import select
import subprocess
import sys
from contextlib import suppress

import psutil


def watch_over_children() -> None:
    """Called before children are started that must not outlive this process."""
    command = [sys.executable, "-m", "score.sampling.engine_watch", str(os.getpid())]
    # Kept open until this process ends, however that comes about: nobody waits for the watch.
    _watches.append(subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True))


_watches: list[subprocess.Popen] = []


def watch(pid: int) -> None:
    children = set()
    while not select.select([sys.stdin], [], [], 1.0)[0]:
        with suppress(psutil.NoSuchProcess):
            children |= {child for child in psutil.Process(pid).children() if not _stays(child)}
    for child in children:
        with suppress(psutil.NoSuchProcess):  # also where another has its number by now
            child.kill()


def _stays(child: psutil.Process) -> bool:
    """This process itself, and Python's own, which clears shared memory up."""
    with suppress(psutil.Error):
        return child.pid == os.getpid() or "resource_tracker" in " ".join(child.cmdline())
    return True


if __name__ == "__main__":
    watch(int(sys.argv[1]))
