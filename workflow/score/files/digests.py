"""Texts that change when what they stand for changes."""

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

WHOLE = 500_000_000  # bytes of a file that is digested whole: under a second
_END = 1 << 20  # bytes at the start and at the end that stand for a larger file


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value) -> str:
    """SHA-256 of a value as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def is_digested_whole(path: str | Path) -> bool:
    """Whether `contents_digest` sees every change of a file, so that its date need not be asked."""
    path = Path(path)
    return path.is_file() and path.stat().st_size <= WHOLE


def contents_digest(paths: Iterable[str | Path]) -> str:
    """SHA-256 of the names and contents of files, whatever their dates.

    Of a file above WHOLE bytes, as large weights are, the size, the start and the end stand for its
    content. A file that is not there has none.
    """
    return digest({str(path): _content(Path(path)) for path in paths})


def _content(path: Path) -> str | None:
    if not path.is_file():
        return None
    stat = path.stat()
    return _content_of(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _content_of(path: Path, inode: int, size: int, changed: int) -> str:
    """A file is read again by a process only where its inode, size or date has changed."""
    if size <= WHOLE:
        return file_digest(path)
    with path.open("rb") as file:
        ends = file.read(_END)
        file.seek(size - _END)
        ends += file.read(_END)
    return f"{size}:{hashlib.sha256(ends).hexdigest()}"
