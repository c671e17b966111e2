"""What disks, copies and people do to files: ways of damage, and a process without root's rights."""

import ctypes
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

_OVERRIDES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: root reads what it likes


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def cut_at_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def one_bit_flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def unreadable(path: Path) -> None:
    path.chmod(0)


def a_folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "note").write_text("left by somebody")


def missing(path: Path) -> None:
    path.unlink()


DAMAGES = (empty, zeroed, cut_at_half, one_bit_flipped, unreadable, a_folder_in_its_place, missing)


@contextmanager
def rights_of_a_user():
    """Permissions count in the body, also for root."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, twice 32 bits of each
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    before = sets[0]

    def use(effective: int) -> None:
        sets[0] = effective
        if libc.capset(header, sets):
            raise OSError(ctypes.get_errno(), "capset")

    use(before & ~_OVERRIDES)
    try:
        yield
    finally:
        use(before)


class Killed(BaseException):
    """Stands for the end of the process: nothing that cleans up after errors runs for it."""


@contextmanager
def killed_while_deleting(first: str):
    """The process ends inside the deletion of a folder tree, when its file `first` is gone."""

    def rmtree(path, *args, **kwargs):
        found = Path(path) / first
        if not found.exists():
            return whole(path, *args, **kwargs)
        os.unlink(found)
        raise Killed

    whole = shutil.rmtree
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "rmtree", rmtree)
        yield
