"""Measure how fast the project is: each figure a ratio of two things by turns, beside its target.

    python -m score.benchmarks --only step,memory --minutes 20 --model smollm2

Every part is a process of its own. OUTPUT/<part>.json holds what was measured so far at every moment,
OUTPUT/log.txt what went wrong; OUTPUT/table.md is all of it in the end, figures with targets first. A
part gets its share of the minutes that are left: a measurement ends with the rounds that fit into them,
and one that has no time at all is told as skipped.
"""

import argparse
import time
from pathlib import Path

from score.benchmarks.parts import allotted, chosen_parts, run_part
from score.benchmarks.table import failed, table, table_of_targets
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)

# In this order, with about the seconds that each takes on two quiet cores: what has targets comes first.
PARTS = {
    "step": 940,
    "memory": 230,
    "ranks": 190,
    "verdicts": 35,
    "rollout": 290,
    "startup": 170,
    "idle": 35,
    "evaluation": 30,
    "scaling": 60,
}
GRACE = 90.0  # seconds until a part is cut that does not end by itself, between two rounds


def flags_of(words: list[str] | None = None) -> argparse.Namespace:
    flags = COMMAND.flags(
        words,
        only=optional(f"parts of {', '.join(PARTS)}; default: all", default=",".join(PARTS)),
        minutes=optional("for all of it; default: 34", type=float, default=34.0),
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
        needs = [PARTS[other] for other in parts[i:]]
        seconds = max(allotted(needs, until - time.monotonic()), 5.0)
        print(f"benchmarks: {part}, for at most {seconds:.0f} s", flush=True)
        path = flags.output / f"{part}.json"
        results[part] = run_part(f"score.benchmarks.{part}", path, flags, seconds, True, GRACE)
        tables = [table_of_targets(results, flags.quick), table(results, flags.quick)]
        (flags.output / "table.md").write_text("\n".join(tables))
    print((flags.output / "table.md").read_text())
    if wrong := failed(results):
        COMMAND.end(f"{', '.join(wrong)} failed or did not finish; see {flags.output}/table.md")


if __name__ == "__main__":
    COMMAND.run(main)
