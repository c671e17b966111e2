"""Processes that end together: Snakemake, the launchers that it starts, and the ranks that these start.

The kernel can kill a child with its parent, but only once the child has asked for it, and only with
its direct parent, which below Snakemake is a shell that lives on. So each process also names itself in
the environment of what it starts (`ending_with_me`), and what starts there watches it from the first
line on, before slow imports (`end_with_starter`, called by `import score`). Jobs of a Slurm job are
not tied to a Snakemake outside of it: they may go on when that has ended.
"""

import ctypes
import os
import select
import signal
import socket
import sys
import threading
import time

from score.files.alive import lives

STOPPED_EARLY = 75  # exit status of a training that saved before its end (EX_TEMPFAIL: try again)
TOLD_BY = "SCORE_STOPPED_LAUNCHER"  # in the environment: the launcher that SIGUSR2 tells of that
ENDS_WITH = "SCORE_ENDS_WITH"  # in the environment: host, process and Slurm job to end with


def ending_with_me() -> dict[str, str]:
    """Variables for the environment of processes that have to end when this one does."""
    return {ENDS_WITH: f"{os.getpid()} {_place()}"}


def end_with_starter() -> None:
    """End this process when the one that ENDS_WITH names ends, or at once where it has ended already."""
    pid, _, place = os.environ.pop(ENDS_WITH).partition(" ")
    if place != _place() or int(pid) == os.getpid():
        return
    end_with_parent()
    try:
        watched = os.pidfd_open(int(pid)) if hasattr(os, "pidfd_open") else None
    except ProcessLookupError:
        _end()
    except OSError:  # a kernel without it
        watched = None
    threading.Thread(target=_watch, args=(int(pid), watched), daemon=True).start()


def end_with_parent() -> None:
    """Called by a child process: the kernel kills it when its parent ends for any reason (on Linux)."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _place() -> str:
    """Where numbers of processes are those of this one: its machine, and its Slurm job if any."""
    return f"{socket.gethostname()} {os.environ.get('SLURM_JOB_ID', '-')}"


def _watch(pid: int, watched: int | None) -> None:
    if watched is not None:
        poll = select.poll()
        poll.register(watched, select.POLLIN)
        poll.poll()
    else:
        while lives(pid):
            time.sleep(0.5)
    _end()


def _end() -> None:
    os.kill(
        os.getpid(), signal.SIGKILL
    )  # nothing more is written, as after a kill of the whole group
