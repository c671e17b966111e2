"""By what damage to files is found later: JSON that checks itself, and digests of what lies in a folder.

A disk, a copy or a power cut may leave a file empty, zeroed, cut or with a bit flipped. What a rerun
goes on from is therefore read only where it is what was written.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from score.files.atomic import replace_file
from score.files.digests import digest, file_digest
from score.files.errors import SiteError

MANIFEST = "whole.json"
_THREADS = 4  # SHA-256 makes about 1.7 GB/s a thread, and leaves Python's lock while it does

Files = dict[str, list]  # name below a folder -> [bytes, SHA-256]


def write_checked(path: str | Path, value) -> None:
    """Write a value as JSON with its digest, in one step; RuntimeError where that can't be."""
    if Path(path).is_dir():
        raise SiteError(f"{path} is a folder; expected a file. Move it away and run again.")
    content = {"content": value, "sha256": digest(value)}
    replace_file(path, json.dumps(content, indent=1, sort_keys=True).encode())


def read_checked(path: str | Path):
    """What `write_checked` wrote. ValueError, a short reason, where the file does not hold that.

    PermissionError where it may hold it, but is not to be read.
    """
    path = Path(path)
    try:
        whole = json.loads(path.read_bytes())
        if digest(whole["content"]) == whole["sha256"]:
            return whole["content"]
    except PermissionError:
        raise
    except FileNotFoundError:
        raise ValueError(f"{path.name} is missing") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ValueError(f"{path.name} is not what was written")


def file_sizes(folder: Path) -> dict[str, int]:
    """The bytes of all files below a folder but its manifest, by their names there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in files}
    sizes.pop(MANIFEST, None)
    return sizes


def marked(folder: Path, names: Iterable[str]) -> Files:
    """Bytes and digest of each of these files."""

    def mark(name: str) -> list:
        return [(folder / name).stat().st_size, file_digest(folder / name)]

    names = list(names)
    with ThreadPoolExecutor(_THREADS) as threads:
        return dict(zip(names, threads.map(mark, names), strict=True))


def damage_of(folder: Path) -> str | None:
    """What damage there is to a folder, by its manifest; None for none."""
    if not folder.is_dir():
        return "it is no folder" if folder.exists() else "it is missing"
    try:
        return damage(folder, read_checked(folder / MANIFEST)["files"])
    except ValueError as error:
        return str(error)


def damage(folder: Path, files: Files) -> str | None:
    """Which of these files is not what was written, and how; None where all are. PermissionError
    where one is not to be read."""
    for name, (size, _) in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is {'no file' if path.exists() else 'missing'}"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes, not {size}"
    try:
        found = marked(folder, files)
    except PermissionError:
        raise
    except OSError as error:
        return f"{Path(error.filename or folder).name} can't be read: {error.strerror}"
    changed = [name for name in files if found[name] != files[name]]
    return f"{changed[0]} is not what was written" if changed else None
