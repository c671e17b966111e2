"""Measure how fast the project is: each figure a ratio of two things by turns, beside its target.

    python -m score.benchmarks --only step,memory --minutes 20 --model smollm2

Every part is a process of its own. OUTPUT/<part>.json holds what was measured so far at every moment,
OUTPUT/log.txt what went wrong; OUTPUT/table.md is all of it in the end. A part gets its share of the
minutes that are left; what it has no time for is told as skipped.
"""

import argparse
import time
from pathlib import Path

from score.benchmarks.parts import chosen_parts, run_part
from score.benchmarks.table import failed, table
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)

# In this order, with about the seconds that each takes on two cores. A part may take half as long again,
# and the last all that is left.
PARTS = {
    "evaluation": 30,
    "verdicts": 40,
    "idle": 40,
    "startup": 230,
    "memory": 230,
    "ranks": 140,
    "scaling": 70,
    "rollout": 190,
    "step": 630,
}


def flags_of(words: list[str] | None = None) -> argparse.Namespace:
    flags = COMMAND.flags(
        words,
        only=optional(f"parts of {', '.join(PARTS)}; default: all", default=",".join(PARTS)),
        minutes=optional("for all of it; default: 27", type=float, default=27.0),
        output=optional("folder", type=Path, default=Path("results/benchmarks")),
        device=optional("of trainings; default: cpu", choices=("cuda", "cpu"), default="cpu"),
        quick=optional("smallest sizes, to test the parts", action="store_true"),
        model=optional("folder of SmolLM2-135M-Instruct; default: smollm2, or the wheel's"),
    )
    flags.only = chosen_parts(COMMAND, flags.only, [*PARTS], "--only")
    flags.tiny = flags.quick
    return flags


def main() -> None:
    flags = flags_of()
    until = time.monotonic() + 60 * flags.minutes
    flags.output.mkdir(parents=True, exist_ok=True)
    (flags.output / "log.txt").unlink(missing_ok=True)
    results, parts = {}, [part for part in PARTS if part in flags.only]
    for i, part in enumerate(parts):
        share = PARTS[part] / sum(PARTS[other] for other in parts[i:])
        left = until - time.monotonic()
        seconds = max(min(1.5 * share, 1.0) * left, 5.0)
        print(f"benchmarks: {part}, for at most {seconds:.0f} s", flush=True)
        path = flags.output / f"{part}.json"
        results[part] = run_part(f"score.benchmarks.{part}", path, flags, seconds, shown=True)
        (flags.output / "table.md").write_text(table(results, flags.quick))
    print((flags.output / "table.md").read_text())
    if wrong := failed(results):
        COMMAND.end(f"{', '.join(wrong)} failed or did not finish; see {flags.output}/table.md")


if __name__ == "__main__":
    COMMAND.run(main)
