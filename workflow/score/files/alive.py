"""Whether a process of this machine still runs."""

import os


def lives(pid: int) -> bool:
    """Whether there is a process of that number, of whatever user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        pass
    return True
