"""Peak memory of an update over the loaded model, SCoRe's and TRL's, each in fresh processes.

On a CPU that is the process's resident memory: its peak during the first update, less what it held
just before, with policy and reference loaded. So it has the gradients and AdamW's states in it (12
bytes a weight in float32), and all that passes and sampling take. On a GPU it is torch's count. A second
update is run under watch for arrays as large as the logits of all tokens of a backward pass, [B, T, V].
"""

import json
import subprocess
import sys
from functools import partial

from score.benchmarks.clock import by_turns
from score.benchmarks.figures import Target, figure
from score.benchmarks.step import Case, measure_cases
from score.benchmarks.trainers import Size

OVER_TRLS, NONE_KEPT = Target(most=0.3), Target(most=0.999)


def cases(device: str, tiny: bool) -> list[Case]:
    if tiny:
        return [Case("tiny", "tiny", Size(16, 8, 6, words=20), {}, 0)]
    if device == "cuda":
        return [Case("1.5B", "1.5B", Size(64, 16, 128), {}, 200)]
    return [
        Case("17M", "17M", Size(16, 16, 64), {}, 60),
        Case("SmolLM2", "smollm2", Size(16, 16, 8, words=40), {}, 90),
    ]


def in_own_process(trainer: str, model: str, device: str, size: Size) -> dict:
    """What score.benchmarks.peak prints of one trainer."""
    command = [sys.executable, "-m", "score.benchmarks.peak", "--trainer", trainer]
    command += ["--folder", model, "--device", device, "--size", json.dumps(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(case: Case, find, device: str, rounds: int) -> dict:
    model = find(case.model)
    calls = {
        name: partial(in_own_process, name, model, device, case.size) for name in ("score", "trl")
    }
    taken = by_turns(calls, rounds, warm_up=0)
    ours, trls = taken["score"], taken["trl"]
    pairs = [*zip(ours, trls, strict=True)]
    shares = [a["largest_array"] / a["cells_times_vocabulary"] for a in ours]
    return {
        "memory over TRL's": figure([a["bytes"] / b["bytes"] for a, b in pairs], "x", OVER_TRLS),
        "largest array over [B, T, V]": figure(shares, "x", NONE_KEPT),
        "memory over TRL's, gradients and AdamW's states apart": figure(
            [_of_passes(a) / _of_passes(b) for a, b in pairs], "x"
        ),
        **{f"MiB, {name}": [round(t["bytes"] / 2**20, 1) for t in taken[name]] for name in taken},
        "MiB, gradients and states": round(ours[0]["states"] / 2**20, 1),
    }


def _of_passes(taken: dict) -> int:
    return max(taken["bytes"] - taken["states"], 1)


if __name__ == "__main__":
    measure_cases(__spec__, __doc__, cases, measure)
