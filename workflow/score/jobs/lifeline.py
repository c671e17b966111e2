"""What a launcher and its command share: they end together, and the command can ask to be resumed."""

import ctypes
import signal
import sys

STOPPED_EARLY = 75  # exit status of a training that saved before its end (EX_TEMPFAIL: try again)
STOPPED_FILE = "SCORE_STOPPED_FILE"  # in the environment: a file to make in that case


def end_with_parent() -> None:
    """Called by a child process: the kernel kills it when its parent ends for any reason (on Linux)."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
