"""Files and folders that are there whole or not at all, whatever ends the process that writes them."""

import glob
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from score.files.alive import lives
from score.files.errors import SiteError, full_disk, is_full
from score.files.sizes import size_text

_REMOVING = ".removing"  # ends the hidden name of a folder that is being deleted


def replace_file(path: str | Path, content: bytes) -> None:
    """Write a file in one step: a reader, or a run after a kill or a power cut, finds old or new.

    RuntimeError where the disk does not take it; what was there before is still there then.
    """
    path = Path(path)
    _remove_partials(path)
    partial = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if is_full(error):
            raise SiteError(full_disk(f"{path} ({size_text(len(content))})")) from error
        raise SiteError(
            f"{path} can't be written ({error.strerror}); expected a place that can. Correct its "
            "permissions and run again: what was written before is whole and is not made again."
        ) from error


def _remove_partials(path: Path) -> None:
    """Remove what processes of this machine had begun to write at `path` when they were killed."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        host, _, pid = partial.name[len(path.name) + 2 : -len(".partial")].rpartition(".")
        if host == socket.gethostname() and not lives(int(pid)):
            partial.unlink(missing_ok=True)


@contextmanager
def written_to(place: Path) -> Iterator[None]:
    """SiteError that names `place` where a library finds the disk full as it writes there."""
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        raise SiteError(full_disk(str(place))) from error


def check_place(path: str | Path) -> None:
    """ValueError where no file can be written at `path`: asked before the work that it is to hold."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder; expected the name of a file to write. Add one to it."
        )
    if not path.parent.is_dir():
        raise ValueError(
            f"{path} lies in {path.parent}, which is no folder; expected an existing one. Make it: "
            f"mkdir -p {path.parent}"
        )
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(
            f"{path} can't be written here; expected a place that can. Name another, or change its "
            "permissions."
        )


def replace_folder(draft: Path, path: Path) -> None:
    """Give a folder its final name, once all that lies in it can be read and is on the disk."""
    make_readable(draft)
    sync_tree(draft)
    remove_folder(path)
    draft.rename(path)
    sync(path.parent)


def make_readable(directory: Path) -> None:
    """Let those who may read a folder read its files: safetensors makes its own for the owner alone."""
    readable = directory.stat().st_mode & 0o444
    for file in filter(Path.is_file, directory.rglob("*")):
        file.chmod(file.stat().st_mode | readable)


def remove_folder(path: str | Path) -> None:
    """Delete a folder that a rerun would read, if it is there: it loses its name first, in one step.

    So a rerun finds all of it or nothing. A kill in between leaves `.{name}.removing` beside it, which
    `sweep` or the next removal deletes.
    """
    path = Path(path)
    sweep(path)
    if os.path.lexists(path):
        nameless = path.with_name(f".{path.name}{_REMOVING}")
        path.rename(nameless)
        sync(path.parent)
        _delete(nameless)


def sweep(path: str | Path) -> None:
    """Delete what unfinished removals of `path`, and of folders right in it, have left.

    Call it where nobody else removes these: under the lock of the folder.
    """
    path = Path(path)
    _delete(path.with_name(f".{path.name}{_REMOVING}"))
    for left in path.glob(f".*{_REMOVING}"):
        _delete(left)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync_tree(directory: Path) -> None:
    """Have the system write everything below `directory` to disk."""
    for path in (*directory.rglob("*"), directory):
        sync(path)


def sync(path: Path) -> None:
    """Have the system write one file or the names in one folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
