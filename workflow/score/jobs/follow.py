"""Shows where Snakemake runs what jobs on a cluster print about their progress into their logs.

`Follower` looks at the logs of a run every few seconds and reports the newest progress line of each
policy. It only reads, in its own thread, and no error in it ever stops Snakemake.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from os import stat_result
from pathlib import Path

from score.jobs.progress import PROGRESS_LINE

_READ = 1 << 18  # bytes of a log that one look reads at most
_SHOWN = 200  # characters of a line
_DEPTHS = ("*.log", "*/*.log", "*/*/*.log", "*/*/*/*.log")


class Follower:
    """Calls `say` with `[folder] line` for progress that the logs of a folder get after `start`.

    results: the folder of a run. every: seconds between two looks. least: seconds between two lines
    of a policy, of which the newest is reported.
    """

    def __init__(
        self, results: str, say: Callable[[str], None], every: float = 5.0, least: float = 30.0
    ):
        self.results, self.say, self.every, self.least = Path(results), say, every, least
        self._before: dict[Path, tuple] = {}
        self._read: dict[Path, tuple[int, int]] = {}  # inode and first unread byte of a log
        self._due: dict[str, str] = {}  # by policy, the line to report next
        self._reported: dict[str, float] = {}  # by policy, when its last line was reported
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="score.jobs.follow", daemon=True)

    def start(self, remote: bool) -> None:
        """Remember the logs as they are; follow them where jobs run elsewhere."""
        for path, stat in _stats(self.results):
            self._before[path] = _version(stat)
            self._read[path] = (stat.st_ino, stat.st_size)
        if remote:
            self._thread.start()

    def stop(self) -> None:
        """Report what is left to report, for at most ten seconds: a file system may hang."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def changed(self) -> list[Path]:
        """The logs that are new, or have changed since the start."""
        now = _stats(self.results)
        return [path for path, stat in now if self._before.get(path) != _version(stat)]

    def _follow(self) -> None:
        while not self._ended.wait(self.every):
            self._look()
        self._look()
        self._report(time.monotonic(), least=0.0)

    def _look(self) -> None:
        with suppress(Exception):
            for path, stat in _stats(self.results):
                with suppress(OSError):
                    for line in self._new_lines(path, stat):
                        if PROGRESS_LINE.search(line):
                            folder = path.parent.relative_to(self.results).as_posix()
                            self._due[path.stem if folder == "." else folder] = line
            self._report(time.monotonic(), self.least)

    def _new_lines(self, path: Path, stat: stat_result) -> list[str]:
        """Whole lines written since the last look; where these are many, the last of them."""
        inode, start = self._read.get(path, (stat.st_ino, 0))
        if inode != stat.st_ino or start > stat.st_size:  # another file, or cut short
            start = 0
        skipped = max(0, stat.st_size - start - _READ)
        start += skipped
        if start == stat.st_size:
            return []
        with path.open("rb") as file:
            file.seek(start)
            news = file.read(_READ)
        whole = news.rpartition(b"\n")[0]
        unfinished = len(news) - len(whole)
        # a line that is longer than one look reads is given up
        self._read[path] = (stat.st_ino, start + len(news if unfinished == _READ else whole))
        lines = whole.decode(errors="replace").split("\n")
        return [_printable(line) for line in lines[1 if skipped else 0 :]]

    def _report(self, now: float, least: float) -> None:
        for policy in list(self._due):
            if now - self._reported.get(policy, -least) >= least:
                self._reported[policy] = now
                self.say(f"[{policy}] {self._due.pop(policy)}")


def _stats(results: Path) -> Iterator[tuple[Path, stat_result]]:
    """Logs of jobs with their stat, without those that vanish meanwhile.

    A job's folder is that of the run, a policy, a seed, a round or an evaluation: three deep at most.
    """
    for path in sorted(path for depth in _DEPTHS for path in results.glob(depth)):
        with suppress(OSError):
            yield path, path.stat()


def _version(stat: stat_result) -> tuple:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _printable(line: str) -> str:
    """The last state of a line, without what could steer a terminal."""
    end = line.rstrip("\r").rpartition("\r")[2][-4 * _SHOWN :]
    text = "".join(character for character in end if character.isprintable())
    return text if len(text) <= _SHOWN else f"…{text[1 - _SHOWN :]}"
