"""Say where each job of a run is: done, running, waiting, failed or interrupted, and how it goes.

    python -m score.status                        # the run below results/ that was started last
    python -m score.status results/puzzle
    python -m score.status results/puzzle --watch 5
    python -m score.status results/puzzle --json

It reads the files of the run alone, so it can be asked at any time, on any machine that sees them.
"""

import argparse
import json
import math
import shutil
import sys
import time

from score.jobs.command import Command, optional
from score.status.run import newest_run, open_run
from score.status.table import as_lines, goes_on, is_well, look_at

EXIT_STATUS = (
    "exit status: 0 all jobs are done, or the run goes on well; 1 a job failed or was interrupted, or\n"
    "jobs wait and no Snakemake runs; 2 wrong flags, or no run, named in one message."
)
COMMAND = Command(__spec__, __doc__, EXIT_STATUS)
WIDTH = 100  # columns where no terminal says how many it has
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number of seconds above 0")
    return value


def show(found: dict, as_json: bool, again: bool) -> None:
    """Print one look at a run. again: whether others come before or after it."""
    if as_json:
        print(json.dumps(found, indent=None if again else 1, sort_keys=True), flush=True)
        return
    terminal = sys.stdout.isatty()
    width = (shutil.get_terminal_size((WIDTH, 24)).columns or WIDTH) if terminal else WIDTH
    lines = as_lines(found, width)
    if again:
        lines = [*lines, "", time.strftime("%H:%M:%S")]
    print((_CLEAR if terminal and again else "") + "\n".join(lines), flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Look at a run, once or again and again; the exit status."""
    flags = COMMAND.flags(
        arguments,
        run=optional(
            "folder of a run; without it the one started last", nargs="?", positional=True
        ),
        json=optional("one JSON object instead of a table", action="store_true"),
        watch=optional(
            "look again every so many seconds until the run ends", type=_seconds, metavar="SECONDS"
        ),
    )
    found = None
    try:
        with COMMAND.errors():
            path = flags.run or newest_run()
            while True:
                found = look_at(open_run(path))
                show(found, flags.json, flags.watch is not None)
                if flags.watch is None or not goes_on(found):
                    break
                time.sleep(flags.watch)
    except KeyboardInterrupt:  # how one leaves --watch
        if flags.watch is None or found is None:
            raise
    return 0 if is_well(found) else 1


def run() -> None:
    COMMAND.run(lambda: sys.exit(main()))


if __name__ == "__main__":
    run()
