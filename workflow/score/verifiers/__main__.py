"""Verify attempts from the command line: text in, verdict out.

    python -m score.verifiers --task math --input in.jsonl --output out.jsonl

Each input line is a JSON object with "attempt" and "answer"; other keys are kept. An "opening" is the
text of the chat template just before the attempt, which may open a reasoning block; with the "question"
an attempt that only repeats it is incorrect. Each output line adds "extracted", "correct", "verdict" and
"score". The counts of verdicts go to stderr.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from score.jobs.command import Command, optional
from score.verifiers.reasoning import TAGS
from score.verifiers.verifier import VERDICTS, Verifier

COMMAND = Command(__spec__, __doc__)


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(
        arguments,
        task="math, qa, code, ... or a path to a .py file",
        input="JSON Lines with attempt and answer",
        output="the same lines with the verdicts",
        evaluator_function=optional("default: the task's first"),
        evaluator_mode=optional("default or final", default="default"),
        evaluator_answer_marker=optional("default: the task's"),
        reasoning_tags=optional(
            "what opens and what ends a reasoning block; no words: there are none",
            nargs="*",
            default=TAGS,
        ),
        deadline=optional("seconds for one verdict", type=float, default=5.0),
        workers=optional("verdicts at a time", type=int, default=1),
    )
    with COMMAND.errors():
        rows = read_rows(Path(flags.input))
        with Verifier(
            flags.task,
            flags.evaluator_function,
            flags.evaluator_mode,
            flags.evaluator_answer_marker,
            flags.reasoning_tags or None,
            deadline=flags.deadline,
            workers=flags.workers,
        ) as verifier:
            verdicts = verifier(
                [row["attempt"] for row in rows],
                [row["answer"] for row in rows],
                opening=[str(row.get("opening", "")) for row in rows],
                questions=[str(row.get("question", "")) for row in rows],
            )
    with open(flags.output, "w", encoding="utf-8") as lines:
        for row, verdict in zip(rows, verdicts, strict=True):
            row |= {**asdict(verdict), "correct": verdict.correct}
            lines.write(json.dumps(row, sort_keys=True) + "\n")
    summary = ", ".join(f"{verifier.counts[name]} {name}" for name in VERDICTS)
    print(f"{len(rows)} attempts: {summary}", file=sys.stderr)


def read_rows(path: Path) -> list[dict]:
    """The objects of a JSON Lines file, each with a text "attempt" and an "answer".

    ValueError names the first line that is none.
    """
    if not path.is_file():
        raise ValueError(f"--input is {path}; expected an existing file. Fix the path.")
    lines = enumerate(path.read_bytes().split(b"\n"), start=1)
    return [_row(line, f"{path} line {number}") for number, line in lines if line.strip()]


def _row(line: bytes, where: str) -> dict:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise ValueError(f"{where} is {line[:60]!r}; expected a JSON object. Fix that line.")
    for key in ("attempt", "answer"):
        if key not in row:
            raise ValueError(
                f'{where} has no "{key}"; expected "attempt" and "answer" in each line. Add it.'
            )
    if not isinstance(row["attempt"], str):
        raise ValueError(f'{where}: "attempt" is {row["attempt"]!r}; expected a text. Fix it.')
    return row


if __name__ == "__main__":
    main()
