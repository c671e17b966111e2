"""The error of a machine that is in the way of a job: no mistake of its user, and none of the code."""

import errno
import os

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SAYS_FULL = tuple(text for code in _FULL for text in (f"os error {code})", os.strerror(code)))


class SiteError(RuntimeError):
    """A disk that is full, a folder in use: its message is all that a user needs, and no traceback."""


def is_full(error: BaseException) -> bool:
    """Whether a disk or a quota is full; libraries that write in C or Rust say it in words alone."""
    code = getattr(error, "errno", None)
    return code in _FULL or any(text in str(error) for text in _SAYS_FULL)


def full_disk(place: str) -> str:
    """What to say where `place`, a file or folder, could not be written for that reason."""
    return (
        f"{place} can't be written: the disk is full, or your share of it; expected room for it. Make "
        "room and run again: what was written before is whole and is not made again."
    )
