"""Write the report of a run: report.html, which opens offline in a browser, and provenance.json.

    python -m score.report --results results/puzzle

A run of an older version, or half a run, gets a report too, which says what is missing. Where the
attempts would make the page larger than 20 MB, they lie in files beside it, in report_parts/: keep both
together.
"""

import json
import shutil
import sys
from pathlib import Path

from score.files.atomic import replace_file
from score.files.sizes import size_text
from score.jobs.command import Command
from score.jobs.progress import draw, erase
from score.report.page import part_file, report_page
from score.report.provenance import provenance
from score.report.rollouts import read_rollouts
from score.report.run_folder import open_run

COMMAND = Command(__spec__, __doc__)
MOST_BYTES = 20_000_000
PARTS = "report_parts"


def write_report(results: str | Path) -> Path:
    """Write report.html and provenance.json of the run in a folder; returns the former's path.

    ValueError where the folder is no run's.
    """
    run = open_run(results)
    rollouts = read_rollouts(run)
    draw("looking up where the numbers come from")
    origin = provenance(run)
    draw("writing the page")
    shutil.rmtree(run.path / PARTS, ignore_errors=True)
    page = report_page(run, rollouts, origin)
    if len(page) > MOST_BYTES:
        page = report_page(run, rollouts, origin, parts_at=PARTS)
        for number, packed in enumerate(rollouts.parts):
            replace_file(run.path / PARTS / f"{number}.js", part_file(number, packed))
    replace_file(run.path / "provenance.json", f"{json.dumps(origin, indent=1)}\n".encode())
    written = run.path / "report.html"
    replace_file(written, page.encode("utf-8", "replace"))
    erase()
    for text in (*run.missing, *rollouts.unread):
        print(f"missing: {text}", file=sys.stderr)
    print(f"{written}: {size_text(len(page))}, {len(rollouts.parts)} policies", file=sys.stderr)
    return written


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(arguments, results="folder of a run, such as results/puzzle")
    with COMMAND.errors():
        write_report(flags.results)


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
