"""Files that a killed process leaves whole: settings in, results out, digests."""

import hashlib
import json
import os
import typing
from dataclasses import MISSING, fields
from pathlib import Path


def replace_bytes(path, data: bytes) -> None:
    """Write a file in one step, so that a killed run leaves the old file or the new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def read_settings(path, kind: type, tuned=None):
    """Read a flat JSON object into the dataclass `kind`; its annotations are the allowed types.

    tuned: another such file, of keys that win. ValueError for an unknown or missing key, and for a
    value of another type (`1e-5` as text).
    """
    values = _read_object(path)
    if tuned is not None:
        values |= _read_object(tuned)
    known = {field.name: field for field in fields(kind)}
    for key in values:
        if key not in known:
            raise ValueError(f"{path}: unknown key {key!r}; expected only {sorted(known)}.")
    for name, field in known.items():
        if name not in values and field.default is MISSING:
            raise ValueError(f"{path}: key {name!r} is missing. Add it.")
    types = typing.get_type_hints(kind)
    for key, value in values.items():
        # bool is an int to Python, but true is no number to a person
        is_bool, wants_bool = isinstance(value, bool), types[key] is bool
        if is_bool != wants_bool or not isinstance(value, types[key]):
            expected = getattr(types[key], "__name__", types[key])
            raise ValueError(f"{path}: {key} is {value!r}; expected {expected}.")
    return kind(**values)


def _read_object(path) -> dict:
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"settings file {path} can't be read as JSON: {error}.") from None
    if not isinstance(values, dict):
        raise ValueError(f"settings file {path} is not an object; expected keys and values.")
    return values


def write_synced(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RuntimeError(
            f"{path} can't be written ({error.strerror}); expected {len(content)} bytes of free disk. "
            "Make room and run again: what was written before is whole and is not sampled again."
        ) from error


def sync_tree(directory: Path) -> None:
    """Have the system write everything below `directory` to disk, so that a rename comes after it."""
    for path in (*directory.rglob("*"), directory):
        sync(path)


def sync(path: Path) -> None:
    """Have the system write one file or the names in one folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value) -> str:
    """SHA-256 of a value as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
