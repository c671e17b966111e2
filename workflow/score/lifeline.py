"""A process that ends when the one that started it does."""

import ctypes
import signal
import sys


def end_with_parent() -> None:
    """Called by a child: it is killed when its parent ends, however that comes about (on Linux)."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
