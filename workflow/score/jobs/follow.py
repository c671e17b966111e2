"""On a cluster jobs write their logs elsewhere: this shows their progress where Snakemake runs.

`Follower` looks at the logs of a run every few seconds and tells the newest line of progress of each
policy. It only reads, in a thread of its own, and whatever it meets, Snakemake goes on.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_PROGRESS = re.compile(r"\d+(/| of )\d+\b.* left$|resumed after step \d+$")
_READ = 1 << 18  # bytes of a log that one look reads at most
_SHOWN = 200  # characters of a line
_DEPTHS = ("*/*.log", "*/*/*.log", "*/*/*/*.log")


class Follower:
    """Tells `[folder] line` for progress that the logs of a results folder get after `start`.

    say: prints one line. every: seconds between two looks. least: seconds between two lines of a
    policy, of which the newest is told.
    """

    def __init__(
        self, results: str, say: Callable[[str], None], every: float = 5.0, least: float = 30.0
    ):
        self.results, self.say, self.every, self.least = Path(results), say, every, least
        self.before: dict[Path, tuple] = {}
        self._read: dict[Path, tuple[int, int]] = {}  # inode and first unread byte of a log
        self._due: dict[str, str] = {}  # by policy, the line to tell next
        self._told: dict[str, float] = {}  # by policy, when a line was last told
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="score.jobs.follow", daemon=True)

    def start(self, remote: bool) -> None:
        """Remember the logs as they are; follow them where jobs run elsewhere."""
        for path, seen in _stats(self.results):
            self.before[path] = _version(seen)
            self._read[path] = (seen.st_ino, seen.st_size)
        if remote:
            self._thread.start()

    def stop(self) -> None:
        """Tell what is left to tell; a file system that hangs is not waited for."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def changed(self) -> list[Path]:
        """The logs that are new or other than they were at the start."""
        now = _stats(self.results)
        return [path for path, seen in now if self.before.get(path) != _version(seen)]

    def _follow(self) -> None:
        while not self._ended.wait(self.every):
            self._look()
        self._look()
        self._tell(time.monotonic(), least=0.0)

    def _look(self) -> None:
        with suppress(Exception):  # progress is a courtesy: it never stops a workflow
            for path, seen in _stats(self.results):
                with suppress(OSError):
                    for line in self._new_lines(path, seen):
                        if _PROGRESS.search(line):
                            self._due[path.parent.relative_to(self.results).as_posix()] = line
            self._tell(time.monotonic(), self.least)

    def _new_lines(self, path: Path, seen) -> list[str]:
        """Whole lines written since the last look; of much news, the end."""
        inode, start = self._read.get(path, (seen.st_ino, 0))
        if inode != seen.st_ino or start > seen.st_size:  # another file, or cut short
            start = 0
        skipped = max(0, seen.st_size - start - _READ)
        if start + skipped == seen.st_size:
            return []
        with path.open("rb") as file:
            file.seek(start + skipped)
            news = file.read(_READ)
        whole = news.rpartition(b"\n")[0]
        unfinished = len(news) - len(whole)
        end = start + skipped + len(news)
        self._read[path] = (seen.st_ino, end if unfinished == _READ else end - unfinished)
        lines = whole.decode(errors="replace").split("\n")
        return [_printable(line) for line in lines[1 if skipped else 0 :]]

    def _tell(self, now: float, least: float) -> None:
        for policy in list(self._due):
            if now - self._told.get(policy, -least) >= least:
                self._told[policy] = now
                self.say(f"[{policy}] {self._due.pop(policy)}")


def _stats(results: Path) -> Iterator[tuple]:
    """Logs of jobs with their stat, those left out that vanish meanwhile.

    A job's folder is that of a policy, a seed, a round or an evaluation: three deep at most.
    """
    for path in sorted(path for depth in _DEPTHS for path in results.glob(depth)):
        with suppress(OSError):
            yield path, path.stat()


def _version(seen) -> tuple:
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _printable(line: str) -> str:
    """The last state of a line, without what could steer a terminal."""
    end = line.rstrip("\r").rpartition("\r")[2][-4 * _SHOWN :]
    text = "".join(character for character in end if character.isprintable())
    return text if len(text) <= _SHOWN else f"…{text[1 - _SHOWN :]}"
