"""Verdicts per second on one core: math-verify called one by one, and the project's verifier.

    python benchmarks/verifier_throughput.py DATA

DATA holds gsm8k_model_solutions.jsonl and qwen_math_cot_100.jsonl (labelled/ of the real data).
Both sides get the same stated answers. The command fails where the verifier agrees with the labels
less often than math-verify does, or where the ratio is below 5. math-verify runs here without its
signal-based timeouts, which would slow it down further.
"""

import json
import logging
import sys
import time
from pathlib import Path

from score.benchmarks.verdicts import (
    Text,
    on_one_core,
    one_by_one,
    warm_verifiers,
    with_verifiers,
)
from score.tasks import math as task

WANTED_RATIO = 5.0


def read_texts(folder: Path) -> list[Text]:
    texts = []
    for line in (folder / "gsm8k_model_solutions.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        gold = row["ground_truth"].rpartition("A: ")[2].strip()
        for labelled in row.values():
            if isinstance(labelled, dict):
                given = labelled["solution"], gold, "final", "A:", labelled["is_correct"]
                texts.append(Text(*given))
    for line in (folder / "qwen_math_cot_100.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        for attempt, label in zip(row["code"], row["score"], strict=True):
            texts.append(Text(attempt, row["gt"], "default", task.MARKER, label))
    return texts


def main(folder: Path) -> int:
    logging.disable(logging.CRITICAL)
    on_one_core()
    texts = read_texts(folder)
    one_by_one(texts[:1])  # imports are not counted on either side
    started = time.perf_counter()
    plain = one_by_one(texts)
    plain_seconds = time.perf_counter() - started

    verifiers = warm_verifiers(texts)  # imports are not counted; no cache of ours is warm
    started = time.perf_counter()
    ours = with_verifiers(texts, verifiers)
    seconds = time.perf_counter() - started
    for verifier in verifiers.values():
        verifier.close()

    differing = sum(a != b for a, b in zip(plain, ours, strict=True))
    agreeing = [
        sum(verdict == text.right for verdict, text in zip(verdicts, texts, strict=True))
        for verdicts in (plain, ours)
    ]
    ratio = plain_seconds / seconds
    count = len(texts)
    print(f"{count} labelled texts, one core")
    print(f"math-verify one by one     {count / plain_seconds:9.0f} verdicts/s")
    print(f"verifier                   {count / seconds:9.0f} verdicts/s, ratio {ratio:.1f}")
    print(f"differing verdicts {differing}; agreement with {count} labels:")
    print(f"math-verify {agreeing[0]}, verifier {agreeing[1]}")
    return int(agreeing[1] < agreeing[0] or ratio < WANTED_RATIO)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
