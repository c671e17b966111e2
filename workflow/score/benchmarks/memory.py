"""Peak memory of an update over the loaded model, SCoRe's and TRL's, each in fresh processes.

On a CPU that is the process's resident memory: its peak during the first update, less what it held
just before, with policy and reference loaded. So it has the gradients and AdamW's states in it (12
bytes a weight in float32), and all that passes and sampling take. On a GPU it is torch's count. Both
processes of a round run at once, with one thread each on a CPU, since no time is measured. In the first
round a second update of SCoRe's is run under watch for arrays as large as the logits of all tokens of a
backward pass, [B, T, V].
"""

import json
import os
import subprocess
import sys
import time

from score.benchmarks.figures import Target, figure
from score.benchmarks.measured import Left
from score.benchmarks.step import Case, measure_cases
from score.benchmarks.trainers import Size

OVER_TRLS, NONE_KEPT = Target(most=0.3), Target(most=0.999)


def cases(device: str, tiny: bool) -> list[Case]:
    if tiny:
        return [Case("tiny", "tiny", Size(16, 8, 6, words=20), {}, 0)]
    if device == "cuda":
        return [Case("1.5B", "1.5B", Size(64, 16, 128), {}, 200)]
    return [
        Case("17M", "17M", Size(16, 16, 64), {}, 120),
        Case("SmolLM2", "smollm2", Size(16, 16, 8, words=40), {}, 110, rounds=3),
    ]


def round_of(model: str, device: str, size: Size, watched: bool) -> dict[str, dict]:
    """What score.benchmarks.peak prints of either trainer. watched: whether SCoRe's arrays are."""
    words = ["--folder", model, "--device", device, "--size", json.dumps(size)]
    started = {
        name: subprocess.Popen(
            [sys.executable, "-m", "score.benchmarks.peak", "--trainer", name, *words, *more],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for name, more in {"score": ["--watched"] * watched, "trl": []}.items()
    }
    printed = {name: process.communicate()[0] for name, process in started.items()}
    for name, process in started.items():
        if process.returncode:
            raise RuntimeError(f"the update of {name} ended with status {process.returncode}")
    return {name: json.loads(text.splitlines()[-1]) for name, text in printed.items()}


def measure(case: Case, find, device: str, rounds: int, left: Left) -> dict:
    model = find(case.model)
    taken: list[dict[str, dict]] = []
    longest = 0.0
    while len(taken) < min(rounds, case.rounds) and left() > longest:
        began = time.monotonic()
        taken.append(round_of(model, device, case.size, watched=not taken))
        longest = max(longest, time.monotonic() - began)
    pairs = [(one["score"], one["trl"]) for one in taken]
    ours = pairs[0][0]
    return {
        "memory over TRL's": figure([a["bytes"] / b["bytes"] for a, b in pairs], "x", OVER_TRLS),
        "largest array over [B, T, V]": figure(
            [ours["largest_array"] / ours["cells_times_vocabulary"]], "x", NONE_KEPT
        ),
        "memory over TRL's, gradients and AdamW's states apart": figure(
            [_of_passes(a) / _of_passes(b) for a, b in pairs], "x"
        ),
        **{
            f"MiB, {name}": [round(one[name]["bytes"] / 2**20, 1) for one in taken]
            for name in ("score", "trl")
        },
        "MiB, gradients and states": round(ours["states"] / 2**20, 1),
    }


def _of_passes(taken: dict) -> int:
    return max(taken["bytes"] - taken["states"], 1)


if __name__ == "__main__":
    measure_cases(__spec__, __doc__, cases, measure)
