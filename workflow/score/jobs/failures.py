"""Why a job failed, out of its log: launchers print a traceback of their own after the cause."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_RANK = re.compile(r"\[rank\d+\]:\s?")
_TRACEBACK = "Traceback (most recent call last):"
_CHAIN = ("During handling of the above exception", "The above exception was the direct cause")
_OURS = re.compile(
    r"(score(\.[a-z_]+)+|launch|compare|claims|paper|pool|analyse_[a-z]+|pretrain|gguf): \S"
)
_LAUNCHER = re.compile(r"\S*(ChildFailedError|CalledProcessError)\b")
_EXIT = re.compile(r"exitcode\s*: (-?\d+) .*|exit status (\d+)|died with <Signals\.(\w+)")
_SHELL = re.compile(
    r"(?i)(slurmstepd|srun|sbatch|launch|\S*\bsh|\S*bash): "
    r".*(error|not found|no such|denied|cancelled|killed|failed|memory)"
)
_LAUNCHER_LOG = re.compile(r"[EWI]\d{4} \d\d:\d\d:\d\d")
_PROGRESS = re.compile(r"\d+(/| of )\d+\b.* left$")
_LINES = 8  # of a message
_READ = 1 << 20  # bytes of a log, from its end


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
            yield f"{path}: {found}"


def cause(log: str) -> str | None:
    """The message that tells why, None where no error follows the last progress.

    It is the first message of a command of ours or the first exception, the last of its chain. A
    launcher's exception only says that a process ended: then it is how that one ended.
    """
    lines = [line.rpartition("\r")[2] for line in log.replace("\r\n", "\n").split("\n")]
    last = max((i for i, line in enumerate(lines) if _PROGRESS.search(line)), default=-1)
    lines = lines[last + 1 :]
    for i, line in enumerate(lines):
        if _OURS.match(line):
            return _message(lines[i:])
        ignored = i and lines[i - 1].startswith("Exception ignored in")
        if _unranked(line) == _TRACEBACK and not ignored:
            rank = line.removesuffix(_TRACEBACK).rstrip()
            exception = _exception([_unranked(x) for x in lines[i:] if x.startswith(rank)])
            launcher = _LAUNCHER.match(exception)
            return (launcher and _how_it_ended(lines[i:])) or exception
    shell = [line for line in lines if _SHELL.match(line)]
    return shell[-1] if shell else None


def _unranked(line: str) -> str:
    return _RANK.sub("", line, count=1)


def _exception(lines: list[str]) -> str:
    """The message under a traceback, lines[0]; under the last one where exceptions are chained."""
    start = next((i for i, x in enumerate(lines[1:], 1) if x and not x[0].isspace()), None)
    if start is None:
        return "its traceback was cut off"
    after = next((i for i, x in enumerate(lines[start:], start) if x == _TRACEBACK), None)
    chained = after and any(x.startswith(_CHAIN) for x in lines[start:after])
    return _exception(lines[after:]) if chained else _message(lines[start:])


def _message(lines: list[str]) -> str:
    """The first of the lines and those that belong to it."""
    kept = [lines[0].rstrip()]
    for line in lines[1:_LINES]:
        ends = not line.strip() or _LAUNCHER_LOG.match(line) or _OURS.match(line)
        if ends or line.startswith((_TRACEBACK, *_CHAIN, "[rank", "wandb:")):
            break
        kept.append(line.rstrip())
    return "\n".join(kept)


def _how_it_ended(lines: list[str]) -> str | None:
    """What a launcher says about the process that ended first: its last exit code is the root."""
    found = [match for match in map(_EXIT.search, lines) if match]
    if not found:
        return None
    told = " ".join(found[-1][0].split())
    hint = "; often memory ran out, or a person or the scheduler ended it" if "KILL" in told else ""
    return f"a process of the job ended without a message of its own ({told}{hint})"
