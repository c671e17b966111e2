"""Verify attempts from the command line: text in, verdict out.

    python -m score.verifiers --task math --input in.jsonl --output out.jsonl

Each input line is a JSON object with "attempt" and "answer"; other keys are kept. Each output line
adds "extracted", "correct", "verdict" and "score". The counts of verdicts go to stderr.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from score.verifiers.verifier import VERDICTS, Verifier


def main(arguments: list[str] | None = None) -> None:
    flags = _parse(arguments)
    rows = read_rows(Path(flags.input))
    with Verifier(
        flags.task,
        flags.evaluator_function,
        flags.evaluator_mode,
        flags.evaluator_answer_marker,
        deadline=flags.deadline,
        workers=flags.workers,
    ) as verifier:
        verdicts = verifier([row["attempt"] for row in rows], [row["answer"] for row in rows])
    with open(flags.output, "w", encoding="utf-8") as lines:
        for row, verdict in zip(rows, verdicts, strict=True):
            row |= {
                "extracted": verdict.extracted,
                "correct": verdict.correct,
                "verdict": verdict.verdict,
                "score": verdict.score,
            }
            lines.write(json.dumps(row, sort_keys=True) + "\n")
    counts = Counter(verdict.verdict for verdict in verdicts)
    summary = ", ".join(f"{counts[name]} {name}" for name in VERDICTS)
    print(f"{len(rows)} attempts: {summary}", file=sys.stderr)


def read_rows(path: Path) -> list[dict]:
    """The objects of a JSON Lines file, each with a text "attempt" and an "answer"."""
    if not path.is_file():
        raise ValueError(f"--input is {path}; expected an existing file. Fix the path.")
    rows = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise ValueError(
                f"{path} line {number} is {line[:60]!r}; expected a JSON object. Fix that line."
            )
        for key in ("attempt", "answer"):
            if key not in row:
                raise ValueError(
                    f'{path} line {number} has no "{key}"; expected "attempt" and "answer" in '
                    "each line. Add it."
                )
        if not isinstance(row["attempt"], str):
            raise ValueError(
                f'{path} line {number}: "attempt" is {row["attempt"]!r}; expected a text. Fix it.'
            )
        rows.append(row)
    return rows


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m score.verifiers", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--task", required=True, help="math, qa, code, ... or a path to a .py file")
    parser.add_argument("--input", required=True, help="JSON Lines with attempt and answer")
    parser.add_argument("--output", required=True, help="the same lines with the verdicts")
    parser.add_argument("--evaluator-function", help="default: the task's first")
    parser.add_argument("--evaluator-mode", default="default", help="default or final")
    parser.add_argument("--evaluator-answer-marker", help="default: the task's")
    parser.add_argument("--deadline", type=float, default=5.0, help="seconds for one judgement")
    parser.add_argument("--workers", type=int, default=1, help="judgements at a time")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"verify: {error}")
