"""A problem: a question and its reference answer, with the JSON Lines file format between rules.

`question_key` gives the one key by which splits, duplicates and leakage are decided.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from score.files.atomic import replace_file
from score.problems.invisible import plain_form

FIELDS = ("id", "question", "answer", "level")


@dataclass(frozen=True)
class Problem:
    """A question with its reference answer.

    id: unique within a run; names the problem in every message and table.
    question: the text a first-attempt prompt is made from.
    answer: the reference, or the list of references of which any is right.
    level: difficulty as the source names it, None where the source has none.
    """

    id: str
    question: str
    answer: str | list[str]
    level: str | None = None


def canonical_question(question: str) -> str:
    """Key under which two questions count as the same: NFKC, casefolded, whitespace folded.

    Characters that nobody sees (score.problems.invisible) don't count.
    """
    return " ".join(plain_form(plain_form(question).casefold()).split())


def question_key(task) -> Callable[[str], str]:
    """The task's own `canonical_question` where it has one, which is shown the visible characters."""
    own = getattr(task, "canonical_question", None)
    return canonical_question if own is None else lambda question: own(plain_form(question))


def split_order(canonical: str, random_seed: int) -> str:
    """Sort key that shuffles problems by what they ask, so that the order of rows has no effect."""
    return hashlib.sha256(f"{random_seed}:{canonical}".encode()).hexdigest()


def read_problems(path) -> list[Problem]:
    """Read problems from JSON Lines. ValueError names the file, the line and what is wrong."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"problems file is {path}; expected an existing file. Run prepare first.")
    problems: list[Problem] = []
    lines_by_id: dict[str, int] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        problem = _problem_from_line(line, f"{path}, line {number}")
        if problem.id in lines_by_id:
            raise ValueError(
                f"{path}, line {number}: id is {problem.id!r}; duplicate id, first seen on line "
                f"{lines_by_id[problem.id]}."
            )
        lines_by_id[problem.id] = number
        problems.append(problem)
    return problems


def write_problems(path, problems: Iterable[Problem]) -> None:
    """Write problems as UTF-8 JSON Lines with sorted keys: the same problems, the same bytes."""
    lines = [json.dumps(asdict(p), ensure_ascii=False, sort_keys=True) + "\n" for p in problems]
    replace_file(path, "".join(lines).encode())


def _problem_from_line(line: bytes, where: str) -> Problem:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not valid JSON ({error}). Expected a problem.") from None
    if not isinstance(row, dict):
        raise ValueError(f"{where}: row is {type(row).__name__}; expected an object {FIELDS}.")
    unknown = sorted(set(row) - set(FIELDS))
    missing = [field for field in FIELDS[:3] if field not in row]
    if unknown or missing:
        raise ValueError(f"{where}: fields are {sorted(row)}; expected {list(FIELDS)}.")
    for field in ("id", "question"):
        if not isinstance(row[field], str) or not row[field]:
            raise ValueError(f"{where}: {field} is {row[field]!r}; expected a text.")
    if not _is_answer(row["answer"]):
        raise ValueError(f"{where}: answer is {row['answer']!r}; expected a text or several.")
    if not isinstance(row.get("level"), str | None):
        raise ValueError(f"{where}: level is {row['level']!r}; expected a text or null.")
    return Problem(**row)


def _is_answer(answer) -> bool:
    if isinstance(answer, list):
        return bool(answer) and all(isinstance(text, str) for text in answer)
    return isinstance(answer, str)
