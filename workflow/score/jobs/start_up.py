"""How a command starts sooner: without looking for garbage among what it imports.

Imports make about a million objects that stay as long as the process. Python's collector looks through
them dozens of times meanwhile, again and again while the command runs, and once more at its end.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_USUAL = gc.get_threshold()


def begin_imports() -> None:
    """Called by `import score`: have a command, `python -m score.…`, collect no garbage meanwhile."""
    if sys.argv[:1] == ["-m"]:  # so Python calls it until it has found the module
        gc.set_threshold(200_000)


def end_imports() -> None:
    """Called when a command begins its work: what is there by now is never looked through again."""
    gc.freeze()
    gc.set_threshold(*_USUAL)


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Let what is imported or asked for in the body find that these packages are not installed.

    Packages that are imported already stay.
    """
    absent = [package for package in packages if package not in sys.modules]
    for package in absent:
        sys.modules[package] = None  # type: ignore[assignment]  # how Python marks what is not there
    try:
        yield
    finally:
        for package in absent:
            del sys.modules[package]
