"""Check training on a GPU: is it right, how fast is it, does a policy learn, is vLLM like it.

    python -m score.gpu_check --minutes 8 --output results/gpu_check --model smollm2

Every part is a process of its own with a share of the minutes that are left, so one that lacks a
package or memory leaves the others alone. OUTPUT/<part>.json holds what was measured so far at every
moment, OUTPUT/log.txt what the parts printed; OUTPUT/table.md is all of it in the end. The exit status
is 1 where a part did not finish or a measurement failed.
"""

import argparse
import time
from pathlib import Path

from score.benchmarks.parts import chosen_parts, run_part
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)

# In order of worth: the share of the time that is left when a part begins.
SHARES = {
    "right": 0.2,
    "fast": 0.3,
    "decoding": 0.35,
    "learns": 0.96,
    "served": 1.0,
}  # the last: all


def flags_of(words: list[str] | None = None) -> argparse.Namespace:
    flags = COMMAND.flags(
        words,
        parts=optional("default: %(default)s", default=",".join(SHARES)),
        minutes=optional("for all of it; default: 8", type=float, default=8.0),
        output=optional("folder", type=Path, default=Path("results/gpu_check")),
        device=optional("default: cuda", choices=("cuda", "cpu"), default="cuda"),
        tiny=optional("smallest sizes, to test the check", action="store_true"),
        model=optional("folder of SmolLM2-135M-Instruct (score.policies.gguf)"),
    )
    flags.parts = chosen_parts(COMMAND, flags.parts, [*SHARES], "--parts")
    return flags


def main() -> None:
    flags = flags_of()
    # here, as torch takes seconds that --help need not take
    from score.benchmarks.machine import lacking
    from score.benchmarks.measured import table
    from score.benchmarks.table import failed

    reason = lacking(flags.device)
    if reason:
        COMMAND.end(reason)
    until = time.monotonic() + 60 * flags.minutes
    flags.output.mkdir(parents=True, exist_ok=True)
    (flags.output / "log.txt").unlink(missing_ok=True)
    results = {}
    for part in flags.parts:
        share = 1.0 if part == flags.parts[-1] else SHARES[part]
        seconds = max((until - time.monotonic()) * share, 5.0)
        print(f"gpu_check: {part}, for at most {seconds:.0f} s", flush=True)
        path = flags.output / f"{part}.json"
        results[part] = run_part(f"score.gpu_check.{part}", path, flags, seconds)
        (flags.output / "table.md").write_text(table(results))
    print((flags.output / "table.md").read_text())
    if wrong := failed(results):
        COMMAND.end(f"{', '.join(wrong)} failed or did not finish; see {flags.output}/table.md")


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
