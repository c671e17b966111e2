"""An example of supervised fine-tuning as token ids, with the JSON Lines that hold them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from score.files.atomic import replace_file
from score.files.digests import file_digest

_DIGEST = "examples_sha256"


@dataclass(frozen=True)
class Example:
    """A turn to imitate, such as a correction, and what it answers.

    problem_id: the problem. sample, correction: which sampled attempts these are (pairs.py).
    kind: what the turn is, e.g. incorrect_to_correct. input_ids: prompt, attempt 1, message,
    correction, as sampled. context: how many of them come before the turn.
    """

    problem_id: str
    sample: int
    correction: int
    kind: str
    input_ids: list[int]
    context: int


def write_examples(path, examples: Iterable[Example]) -> None:
    """Write examples as JSON Lines with sorted keys: the same examples, the same bytes."""
    lines = [json.dumps(vars(e), ensure_ascii=False, sort_keys=True) + "\n" for e in examples]
    replace_file(path, "".join(lines).encode())


def write_report(path, counts: dict, examples) -> None:
    """Write counts of the examples in that file as JSON, with its digest, by which damage is found."""
    told = {**counts, _DIGEST: file_digest(examples)}
    replace_file(path, f"{json.dumps(told, indent=2, sort_keys=True)}\n".encode())


def read_examples(path, vocabulary: int) -> list[Example]:
    """Read examples of a policy that knows `vocabulary` tokens; none where none were chosen.

    ValueError names the line that holds no example.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"examples file is {path}; expected an existing file. Choose the examples again."
        )
    _refuse_damaged(path)
    lines = path.read_bytes().split(b"\n")
    return [
        _example(line, f"{path}, line {number}", vocabulary)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _refuse_damaged(path: Path) -> None:
    """ValueError where the report beside the examples tells of others."""
    report = path.with_suffix(".json")
    try:
        told = json.loads(report.read_bytes()).get(_DIGEST) if report.is_file() else None
    except (ValueError, AttributeError):
        told = "not to be read"
    if told is not None and told != file_digest(path):
        raise ValueError(
            f"{path} does not hold the examples that {report} tells of; expected those. Choose the "
            "examples again."
        )


def _example(line: bytes, where: str, vocabulary: int) -> Example:
    names = sorted(field.name for field in fields(Example))
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where}: not valid JSON ({error}). Choose the examples again.") from None
    if not isinstance(row, dict) or sorted(row) != names:
        found = sorted(row) if isinstance(row, dict) else type(row).__name__
        raise ValueError(f"{where}: row is {found}; expected {names}. Choose the examples again.")
    ids, context = row["input_ids"], row["context"]
    if not isinstance(ids, list) or not all(type(i) is int and 0 <= i < vocabulary for i in ids):
        raise ValueError(
            f"{where}: input_ids are not all token ids of the policy, which knows {vocabulary}; "
            "expected what this policy, or one with its tokenizer, sampled. Choose examples "
            "of such a policy's attempts."
        )
    if type(context) is not int or not 0 < context < len(ids):
        raise ValueError(
            f"{where}: context is {context!r} of {len(ids)} ids; expected at least one id before "
            "the correction and one in it. Choose the examples again."
        )
    return Example(**row)
