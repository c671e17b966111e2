"""Check training on a GPU: is it right, how fast is it, does a policy learn, is vLLM like it.

    python -m score.gpu_check --minutes 8 --output results/gpu_check --model smollm2

Every part is a process of its own with a share of the minutes that are left, so one that lacks a
package or memory leaves the others alone. OUTPUT/<part>.json holds what was measured so far at every
moment, OUTPUT/log.txt what the parts printed; OUTPUT/table.md is all of it in the end. The exit status
is 1 where a part did not finish or a measurement failed.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from score.jobs.command import REFUSED, Command, optional

COMMAND = Command(__spec__, __doc__)

# In order of worth: the share of the time that is left when a part begins.
SHARES = {"right": 0.2, "fast": 0.35, "learns": 0.96, "served": 1.0}  # the last gets all of it
GRACE = 5.0  # seconds that a part may take to end after its time is over


def run_part(part: str, flags: argparse.Namespace, seconds: float) -> dict:
    """What the part measured in that time; `ended` says how, where it was not by itself."""
    from score.gpu_check.measured import write_json

    path = flags.output / f"{part}.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", f"score.gpu_check.{part}", "--output", str(path)]
    command += ["--seconds", f"{seconds:.0f}", "--device", flags.device]
    command += ["--tiny"] * flags.tiny + (["--model", flags.model] if flags.model else [])
    with (flags.output / "log.txt").open("ab") as log:
        started = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            status = started.wait(seconds + GRACE)
            ended = f"ended with status {status}, see log.txt"
        except subprocess.TimeoutExpired:
            ended = f"cut after {seconds + GRACE:.0f} s"
        finally:
            _end_group(started)
    results = json.loads(path.read_text()) if path.is_file() else {"finished": False}
    if not results["finished"]:
        results["ended"] = ended
        write_json(path, results)
    return results


def _end_group(started: subprocess.Popen) -> None:
    """End the part and all that it started."""
    try:
        os.killpg(started.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    started.wait()


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
    unknown = [part for part in flags.parts.split(",") if part not in SHARES]
    if unknown:
        COMMAND.end(
            f"--parts names {', '.join(unknown)}; expected some of {', '.join(SHARES)}. Correct it.",
            REFUSED,
        )
    return flags


def main() -> None:
    flags = flags_of()
    # here, as torch takes seconds that --help need not take
    from score.gpu_check.machine import lacking
    from score.gpu_check.measured import failed, table

    reason = lacking(flags.device)
    if reason:
        COMMAND.end(reason)
    until = time.monotonic() + 60 * flags.minutes
    flags.output.mkdir(parents=True, exist_ok=True)
    (flags.output / "log.txt").unlink(missing_ok=True)
    results = {}
    parts = flags.parts.split(",")
    for part in parts:
        share = 1.0 if part == parts[-1] else SHARES[part]
        seconds = max((until - time.monotonic()) * share, 5.0)
        print(f"gpu_check: {part}, for at most {seconds:.0f} s", flush=True)
        results[part] = run_part(part, flags, seconds)
        (flags.output / "table.md").write_text(table(results))
    print((flags.output / "table.md").read_text())
    if wrong := failed(results):
        COMMAND.end(f"{', '.join(wrong)} failed or did not finish; see {flags.output}/table.md")


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
