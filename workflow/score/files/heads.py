"""What the first bytes of a file tell of it, whatever its name says."""

import re
from pathlib import Path

from score.files.sizes import size_text

HEAD = 1024  # bytes that are enough to know a file by; a Git LFS pointer is shorter
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/.*?^size (\d+)", re.S | re.M)


def head_of(path: Path) -> bytes:
    """The first bytes of a file. OSError where it can't be read."""
    with open(path, "rb") as file:
        return file.read(HEAD)


def pointed_size(head: bytes) -> int | None:
    """Bytes of the file that a Git LFS pointer stands for; None where `head` begins no pointer."""
    match = _POINTER.match(head)
    return int(match[1]) if match else None


def refuse_stand_in(path: Path, head: bytes, kind: str = "dataset") -> None:
    """ValueError where a Git LFS pointer or a web page lies in the place of a file.

    kind: what the hub calls the repository that the file is from, `dataset` or `model`.
    """
    size = pointed_size(head)
    if size is not None:
        folder = path.absolute().parent
        raise ValueError(
            f"{path} is a Git LFS pointer, which stands for a file of {size_text(size)}; expected "
            f"the file itself. Fetch it: `git -C {folder} lfs pull` in a clone of its repository, or "
            f"`hf download OWNER/NAME --repo-type {kind} --local-dir {folder}` from the hub."
        )
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise ValueError(
            f"{path} is a web page; expected the file itself. Fetch it again: on the hub its address "
            "has /resolve/ where that of its page has /blob/."
        )
