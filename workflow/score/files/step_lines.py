"""JSON Lines that a training adds to while it runs: bounded, and whole again when it goes on."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from score.files.atomic import replace_file
from score.files.errors import SiteError
from score.files.visible import in_json


class StepLines:
    """A file of rows that each have the `step` of the update they tell of, the oldest first.

    most: bytes of the file. Beyond, every second update between the first and the newest is left out, so
    that older ones stand further and further apart. A disk that takes no more ends the file, with a line
    that says so, and not the training. One process may write it.
    """

    def __init__(self, path: str | Path, most: int):
        self.path, self.most, self.full = Path(path), most, False
        self._sizes: dict[int, int] = {}  # step -> bytes of its rows

    def begin(self, step: int) -> None:
        """Keep the whole rows of updates up to `step`, none for 0: those behind are made again."""
        with self._giving_up():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            there = self.path.read_bytes() if self.path.is_file() else b""
            kept = [line for line in there.splitlines(keepends=True) if 0 < _step_in(line) <= step]
            self._keep(kept, there)

    def add(self, rows: list[dict]) -> None:
        """Write rows of one update behind those before."""
        if self.full or not rows:
            return
        content = b"".join(map(_line, rows))
        before = sum(self._sizes.values())
        with self._giving_up():
            try:
                with self.path.open("ab") as file:
                    file.write(content)
            except OSError:
                with suppress(OSError):
                    os.truncate(self.path, before)
                raise
            step = rows[0]["step"]
            self._sizes[step] = self._sizes.get(step, 0) + len(content)
            self._thin()

    def _thin(self) -> None:
        steps = list(self._sizes)
        while sum(self._sizes[step] for step in steps) > self.most and len(steps) > 2:
            steps = [*steps[:-1:2], steps[-1]]
        if len(steps) < len(self._sizes):
            there, wanted = self.path.read_bytes(), set(steps)
            lines = there.splitlines(keepends=True)
            self._keep([line for line in lines if _step_in(line) in wanted], there)

    def _keep(self, lines: list[bytes], there: bytes) -> None:
        """Have the file hold these lines. there: what it holds."""
        content = b"".join(lines)
        if not content:
            self.path.unlink(missing_ok=True)
        elif content != there:
            replace_file(self.path, content)
        self._sizes = {}
        for line in lines:
            step = _step_in(line)
            self._sizes[step] = self._sizes.get(step, 0) + len(line)

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        """Turn what the disk refuses into a line that says so."""
        try:
            yield
        except (OSError, SiteError) as error:
            self.full = True
            print(f"{self.path} is written no further: {error}", flush=True)


def read_steps(path: str | Path, last: int = 1 << 20) -> list[dict]:
    """The whole rows in the last bytes of such a file, oldest first; none where it can't be read.

    last: how many bytes. A training may be adding to the file meanwhile.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - last))
            lines = file.read(last).splitlines(keepends=True)
    except OSError:
        return []
    return [json.loads(line) for line in lines if _step_in(line) > 0]


def _line(row: dict) -> bytes:
    text = json.dumps(row, sort_keys=True, ensure_ascii=False, default=str)
    return f"{in_json(text)}\n".encode(errors="replace")


def _step_in(line: bytes) -> int:
    """The step of a row; 0 for what is no whole row."""
    try:
        row = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return 0
    step = row.get("step") if isinstance(row, dict) else None
    return step if isinstance(step, int) else 0
