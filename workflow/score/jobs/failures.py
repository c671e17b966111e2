"""Finds in a job's log why it failed; launchers print a traceback of their own after the cause."""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from score.files.errors import full_disk
from score.files.sizes import size_text
from score.files.visible import visible_lines
from score.jobs.progress import PROGRESS_LINE

_RANK = re.compile(r"\[rank\d+\]:\s?")
_TRACEBACK = "Traceback (most recent call last):"
_CHAIN = ("During handling of the above exception", "The above exception was the direct cause")
_COMMAND_ERROR = re.compile(r"score(\.[a-z_]+)+: \S")  # as score.jobs.command prints it
_LAUNCHER = re.compile(r"\S*(ChildFailedError|CalledProcessError)\b")
_EXIT = re.compile(r"exitcode\s*: (-?\d+) .*|exit status (\d+)|died with <Signals\.(\w+)")
_SHELL = re.compile(
    r"(?i)(slurmstepd|srun|sbatch|\S*\bsh|\S*bash): "
    r".*(error|not found|no such|denied|cancelled|killed|failed|memory)"
)
# bash about a process that a signal ended
_DIED = re.compile(
    r"\S*bash: line \d+: +\d+ (Killed|Terminated|Aborted|Segmentation fault|Bus error|Hangup"
    r"|Illegal instruction|Floating point exception)\b|Terminated$"
)
_LAUNCHER_LOG = re.compile(r"[EWI]\d{4} \d\d:\d\d:\d\d")
_LINES = 8  # of a message, at most
_LENGTH = 2000  # characters of such a line
_LITTLE = 1e6  # free bytes of a disk that is full to all that is written here
_READ = 1 << 20  # bytes that are read of a log, its last ones


def failures(logs: Iterable[Path]) -> Iterator[str]:
    """`path: cause` for each of the logs that ends in an error."""
    for path in logs:
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _READ))
                text = file.read(_READ).decode(errors="replace")
        except OSError:
            continue
        found = cause(text)
        if found is not None:
            lines = [f"{line[:_LENGTH]}…" if line[_LENGTH:] else line for line in found.split("\n")]
            yield visible_lines(f"{path}: {chr(10).join(lines)}")


def failures_soon(changed: Callable[[], Iterable[Path]], patience: float = 3.0) -> list[str]:
    """`failures` of the logs that `changed` names, which may get their last lines behind a job's end.

    patience: seconds to wait for the first; `tee` writes what a shell has said when it gets to it.
    """
    ends = time.monotonic() + patience
    while not (found := list(failures(changed()))) and time.monotonic() < ends:
        time.sleep(0.05)
    return found


def no_room(results: str | Path) -> str | None:
    """What to say where the disk of a run is full: its logs can't, since they lie there too."""
    place = Path(results)
    while not place.exists():
        place = place.absolute().parent
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize
    if free >= _LITTLE and (disk.f_favail or not disk.f_files):
        return None
    return full_disk(f"{results} ({size_text(free)} and {disk.f_favail} files are free there)")


def cause(log: str) -> str | None:
    """The message that says why a job failed, None where no error follows the last progress line.

    It is the first error line of a command of this package, or else the first exception; of chained
    exceptions the last. Where that is a launcher's own, which only says that a process ended, it is the
    error of a rank before that, since the other ranks may have gone on for a step, or else how that
    process ended.
    """
    lines = [line.rpartition("\r")[2] for line in log.replace("\r\n", "\n").split("\n")]
    progress = [i for i, line in enumerate(lines) if _is_progress(line)]
    after = progress[-1] + 1 if progress else 0
    found, own = _error(lines[after:]) or _end(lines[after:])
    if found is not None and not own:
        before, own = _error(lines[:after]) or (None, False)
        return before if own else found
    return found


def _is_progress(line: str) -> bool:
    return bool(PROGRESS_LINE.search(line)) and not _COMMAND_ERROR.match(line)


def _error(lines: list[str]) -> tuple[str, bool] | None:
    """The first message of a command or exception, and whether it is the job's own.

    It is not where a launcher says that a process ended with an error that is told elsewhere.
    """
    for i, line in enumerate(lines):
        if _COMMAND_ERROR.match(line):
            return _message(lines[i:]), True
        ignored = i and lines[i - 1].startswith("Exception ignored in")
        if _unranked(line) == _TRACEBACK and not ignored:
            rank = line.removesuffix(_TRACEBACK).rstrip()
            exception = _exception([_unranked(x) for x in lines[i:] if x.startswith(rank)])
            if not _LAUNCHER.match(exception):
                return exception, True
            how = _how_it_ended(lines[i:])
            return how or exception, how is not None and "SIG" in how
    return None


def _end(lines: list[str]) -> tuple[str | None, bool]:
    """What shells and Slurm print about the end of a process without a message, as `_error`."""
    died = [match for match in map(_DIED.match, lines) if match]
    if died:
        return without_message(died[-1][1] or "Terminated"), True
    shell = [line for line in lines if _SHELL.match(line)]
    return (shell[-1], "exit code" not in shell[-1]) if shell else (None, False)


def _unranked(line: str) -> str:
    return _RANK.sub("", line, count=1)


def _exception(lines: list[str]) -> str:
    """The message under the traceback that begins at lines[0], or under the last that it chains to."""
    start = next((i for i, x in enumerate(lines[1:], 1) if x and not x[0].isspace()), None)
    if start is None:
        return "its traceback was cut off"
    after = next((i for i, x in enumerate(lines[start:], start) if x == _TRACEBACK), None)
    chained = after and any(x.startswith(_CHAIN) for x in lines[start:after])
    return _exception(lines[after:]) if chained else _message(lines[start:])


def _message(lines: list[str]) -> str:
    """lines[0] and the lines after it that belong to the same message."""
    kept = [lines[0].rstrip()]
    for line in lines[1:_LINES]:
        ends = not line.strip() or _LAUNCHER_LOG.match(line) or _COMMAND_ERROR.match(line)
        if ends or _is_progress(line) or line.startswith((_TRACEBACK, *_CHAIN, "[rank", "wandb:")):
            break
        kept.append(line.rstrip())
    return "\n".join(kept)


def _how_it_ended(lines: list[str]) -> str | None:
    """What a launcher prints about the process that ended first: its root cause comes last."""
    found = [match for match in map(_EXIT.search, lines) if match]
    if not found:
        return None
    return without_message(" ".join(found[-1][0].split()))


def without_message(end: str) -> str:
    killed = "KILL" in end or end == "Killed"
    hint = "; often memory ran out, or a person or the scheduler ended it" if killed else ""
    return f"a process of the job ended without a message of its own ({end}{hint})"
