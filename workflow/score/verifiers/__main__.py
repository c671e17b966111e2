"""Verify attempts from the command line: text in, verdict out.

    python -m score.verifiers --task math --input in.jsonl --output out.jsonl

Each input line is a JSON object with "attempt" and "answer", the latter as a data set holds it: it is
read as in the preparation of problems. Other keys are kept. An "opening" is the text of the chat
template just before the attempt, which may open a reasoning block; with the "question" an attempt that
only repeats it is incorrect. Each output line adds "extracted", "correct", "verdict" and "score". The
counts of verdicts go to stderr.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from score.files.atomic import check_place
from score.jobs.command import Command, optional
from score.jobs.progress import Countdown
from score.verifiers.reasoning import TAGS
from score.verifiers.verifier import VERDICTS, Verifier

COMMAND = Command(__spec__, __doc__)
SHOWN = 10  # lines that an error names


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
        check_place(flags.output)
        with Verifier(
            flags.task,
            flags.evaluator_function,
            flags.evaluator_mode,
            flags.evaluator_answer_marker,
            flags.reasoning_tags or None,
            deadline=flags.deadline,
            workers=flags.workers,
        ) as verifier:
            rows, answers = read_rows(Path(flags.input), verifier.task)
            verdicts = verifier(
                [row["attempt"] for row in rows],
                answers,
                Countdown("verified", "answers"),
                opening=[row.get("opening", "") for row in rows],
                questions=[row.get("question", "") for row in rows],
            )
    with open(flags.output, "w", encoding="utf-8") as lines:
        for row, verdict in zip(rows, verdicts, strict=True):
            row |= {**asdict(verdict), "correct": verdict.correct}
            lines.write(json.dumps(row, sort_keys=True) + "\n")
    summary = ", ".join(f"{verifier.counts[name]} {name}" for name in VERDICTS)
    print(f"{len(rows)} attempts: {summary}", file=sys.stderr)


def read_rows(path: Path, task: ModuleType) -> tuple[list[dict], list]:
    """The objects of a JSON Lines file, and the answer of each as the task reads it.

    An answer may be whatever a data set may hold: a text, a number, which counts as it is written, a
    list of these, or an object, as the task takes them. ValueError names all lines that can't be judged.
    """
    if not path.is_file():
        raise ValueError(f"--input is {path}; expected an existing file. Fix the path.")
    rows, answers, wrong = [], [], []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row, answer = _read(line, task)
        except ValueError as error:
            wrong.append(f"line {number} {error}")
        else:
            rows.append(row)
            answers.append(answer)
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more lines"] if len(wrong) > SHOWN else []
        raise ValueError(f"{path} " + "\n  ".join([*wrong[:SHOWN], *more]))
    if not rows:
        raise ValueError(f"{path} has no lines; expected attempts, one a line. Write them there.")
    return rows, answers


def _read(line: bytes, task: ModuleType) -> tuple[dict, object]:
    """The row in a line, and its answer as the task makes it of what is written there."""
    try:
        row = json.loads(line)
        # a number is a text to the tasks: 0.00001 must not become 1e-05
        written = json.loads(line, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise ValueError(f"is {line[:60]!r}; expected a JSON object. Fix that line.")
    for key in ("attempt", "answer"):
        if key not in row:
            raise ValueError(
                f'has no "{key}"; expected "attempt" and "answer" in each line. Add it.'
            )
    for key in ("attempt", "opening", "question"):
        if not isinstance(row.get(key, ""), str):
            raise ValueError(f'has the {key} {_shown(row[key])}; expected a text. Fix "{key}".')
    given = row["answer"] if isinstance(row["answer"], dict) else written["answer"]
    parts = given if isinstance(given, list) and given else [given]
    # what is still a float is NaN or infinite
    if any(part in (None, "", []) or isinstance(part, float) for part in parts):
        raise ValueError(f'has the answer {_shown(row["answer"])}; expected one. Fix "answer".')
    try:
        return row, task.parse_gold(given)
    except Exception as error:  # a task of the user's own may raise anything
        reason = f"{'' if isinstance(error, ValueError) else f'{type(error).__name__}: '}{error}"
        raise ValueError(f'has an answer that the task refuses: {reason}. Fix "answer".') from None


def _shown(value) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
