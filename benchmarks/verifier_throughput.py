"""Verdicts per second on one core: math-verify called one by one, and the project's verifier.

    python benchmarks/verifier_throughput.py DATA

DATA holds gsm8k_model_solutions.jsonl and qwen_math_cot_100.jsonl (labelled/ of the real data).
Both sides get the same stated answers. The command fails where the verifier agrees with the labels
less often than math-verify does, or where the ratio is below 5. math-verify runs here without its
signal-based timeouts, which would slow it down further.
"""

import json
import logging
import os
import sys
import time
from pathlib import Path

from score.tasks import math as task
from score.verifiers.verifier import Verifier

WANTED_RATIO = 5.0


def read_texts(folder: Path) -> list[tuple[str, str, str, str, bool]]:
    """(attempt, gold, evaluator_mode, marker, label) of all labelled texts."""
    texts = []
    for line in (folder / "gsm8k_model_solutions.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        gold = row["ground_truth"].rpartition("A: ")[2].strip()
        for labelled in row.values():
            if isinstance(labelled, dict):
                texts.append((labelled["solution"], gold, "final", "A:", labelled["is_correct"]))
    for line in (folder / "qwen_math_cot_100.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        for attempt, label in zip(row["code"], row["score"], strict=True):
            texts.append((attempt, row["gt"], "default", task.MARKER, label))
    return texts


def one_by_one(texts: list[tuple]) -> list[bool]:
    from math_verify import parse, verify

    verdicts = []
    for attempt, gold, mode, marker, _ in texts:
        stated = task.extract(attempt, mode, marker)
        if stated is None:
            verdicts.append(False)
            continue
        pair = [parse(f"\\boxed{{{text}}}", parsing_timeout=None) for text in (gold, stated)]
        verdicts.append(verify(*pair, timeout_seconds=None))
    return verdicts


def with_verifiers(texts: list[tuple], verifiers: dict) -> list[bool]:
    verdicts = {}
    for (mode, marker), verifier in verifiers.items():
        chosen = [i for i, text in enumerate(texts) if text[2:4] == (mode, marker)]
        judged = verifier([texts[i][0] for i in chosen], [texts[i][1] for i in chosen])
        verdicts.update(zip(chosen, (verdict.correct for verdict in judged), strict=True))
    return [verdicts[i] for i in range(len(texts))]


def main(folder: Path) -> int:
    logging.disable(logging.CRITICAL)
    if hasattr(os, "sched_setaffinity"):  # one core
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts = read_texts(folder)
    one_by_one(texts[:1])  # imports are not counted on either side
    started = time.perf_counter()
    plain = one_by_one(texts)
    plain_seconds = time.perf_counter() - started

    settings = sorted({text[2:4] for text in texts})
    verifiers = {key: Verifier("math", None, *key) for key in settings}
    for (_, marker), verifier in verifiers.items():
        verifier([f"{marker} $x+2$"], ["2+x"])  # imports are not counted; no cache of ours is warm
    started = time.perf_counter()
    ours = with_verifiers(texts, verifiers)
    seconds = time.perf_counter() - started
    for verifier in verifiers.values():
        verifier.close()

    differing = sum(a != b for a, b in zip(plain, ours, strict=True))
    agreeing = [
        sum(verdict == text[4] for verdict, text in zip(verdicts, texts, strict=True))
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
