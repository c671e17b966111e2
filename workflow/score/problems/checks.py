"""From rows to problems that are complete, asked once, not leaked, and whose gold verifies.

Nothing here raises for one bad row: each becomes an offence with its id and a reason, so that a
person sees all of them at once. `Offences.refuse` raises for the kinds that are not dropped.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass

from score.files.visible import visible
from score.jobs.progress import Countdown
from score.problems.invisible import without_invisible
from score.problems.numbers import as_text, is_number, missing, number_text
from score.problems.problem import Problem, question_key, split_order
from score.problems.settings import OFFENCES, PrepareSettings
from score.verifiers.verifier import Verifier

SHOWN = 10  # rows of a kind that an error names


@dataclass(frozen=True)
class Candidate:
    """A problem that is still to be checked. key: what it asks. order: by which splits sort it."""

    problem: Problem
    key: str
    order: str


class Offences:
    """Rows that can't be used, by kind, with the reason for each."""

    def __init__(self):
        self.rows: dict[str, list[dict]] = {kind: [] for kind in OFFENCES}

    def add(self, kind: str, row_id: str, reason: str) -> None:
        self.rows[kind].append({"id": row_id, "reason": reason})

    def refuse(self, settings: PrepareSettings) -> None:
        """Raise one ValueError that names the rows of every kind that is not dropped."""
        lines = []
        for kind, rows in self.rows.items():
            if rows and getattr(settings, f"on_{kind}") == "refuse":
                total, them = ("1 row", "it") if len(rows) == 1 else (f"{len(rows)} rows", "them")
                cure = OFFENCES[kind].cure
                lines.append(f"{kind}: {total}. {cure} {them}, or set on_{kind}: drop.")
                lines += map(_line, rows[:SHOWN])
                if len(rows) > SHOWN:
                    lines.append(f"  and {len(rows) - SHOWN} more")
        if lines:
            raise ValueError(
                f"{settings.data_path} can't be prepared; expected every row to be a problem whose "
                "gold verifies against itself, asked once and not in test.\n" + "\n".join(lines)
            )


def _line(row: dict) -> str:
    return f"  {visible(row['id'], 100)}: {visible(row['reason'], 500)}"


def check_columns(rows: list[dict], place: str, task, settings: PrepareSettings) -> None:
    """ValueError where a named column is in no row; the columns that exist are listed.

    A question or gold that the task reads from the whole row needs no column.
    """
    if settings.several_golds == "all" and not hasattr(task, "all_of"):
        raise ValueError(
            f"several_golds is 'all'; expected 'any' for task {settings.task_type!r}, of whose answers "
            "one is enough. Set it to any."
        )
    hooks = {"question_col": "question_from_row", "gold_col": "gold_from_row"}
    columns = list(dict.fromkeys(name for row in rows for name in row))
    for setting in ("id_col", "question_col", "gold_col", "level_col"):
        column = getattr(settings, setting)
        needed = not hasattr(task, hooks[setting]) if setting in hooks else column is not None
        if needed and column not in columns:
            given = "null" if column is None else repr(column)
            raise ValueError(
                f"{setting} is {given}; expected one of {columns}, the columns of {place}."
            )


def candidates(
    rows: list[dict], prefix: str, task, settings: PrepareSettings, offences: Offences
) -> list[Candidate]:
    """The rows that hold a problem, in split order; the others become offences.

    Without id_col a row is called by its number, from 1: `{prefix}-17`.
    """
    key_of, kept = question_key(task), []
    for number, row in enumerate(rows, start=1):
        row_id = f"{prefix}-{number}"
        try:
            row_id = row_id if settings.id_col is None else _row_id(row, settings.id_col)
            problem = _problem(row, row_id, task, settings)
            key = key_of(problem.question)
        except ValueError as error:
            offences.add("bad_gold", row_id, str(error))
        else:
            kept.append(Candidate(problem, key, split_order(key, settings.random_seed)))
    return sorted(kept, key=lambda c: (c.order, c.problem.id))


def _row_id(row: dict, column: str) -> str:
    value = row.get(column)
    named = is_number(value) or (isinstance(value, str) and value)
    if not named or missing(value) is not None:
        raise ValueError(f"id column {column!r} is {value!r}; expected a text or a number")
    return as_text(value)


def _problem(row: dict, row_id: str, task, settings: PrepareSettings) -> Problem:
    """The problem in a row; ValueError with the reason where there is none."""
    question = _cell(row, settings.question_col, getattr(task, "question_from_row", None))
    if not isinstance(question, str) or missing(question) is not None or _is_blank(question):
        raise ValueError(f"question is {question!r}; expected a text")
    raw = as_text(_cell(row, settings.gold_col, getattr(task, "gold_from_row", None)))
    _refuse_missing(raw)
    if settings.gold_pattern is not None:
        raw = _last_match(settings.gold_pattern, raw)
        _refuse_missing(raw)
    answer = task.parse_gold(raw)
    if settings.several_golds == "all" and isinstance(answer, list):
        answer = task.all_of(answer)
    problem = Problem(row_id, question, answer, _level(row, settings.level_col))
    try:
        json.dumps(asdict(problem), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"holds half of a surrogate pair ({error.reason})") from None
    return problem


def _refuse_missing(gold) -> None:
    if missing(gold) is not None:
        raise ValueError(
            f"the gold is {missing(gold)}, as programs write a missing or infinite value; expected an "
            "answer. Where that word is the answer, write it in other letters: none, infinity"
        )
    if isinstance(gold, str) and gold.strip() and _is_blank(gold):
        raise ValueError(f"the gold is {gold!r}, characters that nobody sees; expected an answer")


def _is_blank(text: str) -> bool:
    return not without_invisible(text).strip()


def _level(row: dict, column: str | None) -> str | None:
    value = None if column is None else row.get(column)
    if missing(value) is not None:
        return None
    text = number_text(value) if is_number(value) else str(value)
    return re.sub(r"(?i)^level\s+", "", text.strip())


def _cell(row: dict, column: str | None, hook: Callable | None):
    """What a task's hook makes of a row, or the value of its column for a task without one."""
    if hook is None:
        if row.get(column) is None:
            raise ValueError(f"field {column!r} is missing")
        return row[column]
    try:
        return hook(row)
    except KeyError as error:
        raise ValueError(f"field {error} is missing; the row has {sorted(row)}") from None
    except (TypeError, AttributeError) as error:  # such as a null or a number in place of a text
        raise ValueError(f"a field is of the wrong type: {error}") from None


def _last_match(pattern: str, raw) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"gold is {raw!r}; expected a text that gold_pattern can match")
    matches = re.findall(pattern, raw)
    if not matches:
        raise ValueError(f"gold_pattern {pattern!r} matches nothing in {raw[-60:]!r}")
    return matches[-1]


def without_duplicates(candidates: list[Candidate], offences: Offences) -> list[Candidate]:
    """The first candidate of each question and of each id, in split order."""
    kept: list[Candidate] = []
    by_key: dict = {}
    by_id: dict = {}
    for candidate in candidates:
        problem = candidate.problem
        if candidate.key in by_key:
            twin = by_key[candidate.key]
            gold = "the same gold" if twin.answer == problem.answer else "another gold"
            offences.add("duplicate", problem.id, f"asks what {twin.id} asks, with {gold}")
        elif problem.id in by_id:
            offences.add("duplicate", problem.id, "its id is also that of another question")
        else:
            by_key[candidate.key] = by_id[problem.id] = problem
            kept.append(candidate)
    return kept


def without_leaks(
    data: list[Candidate], test: list[Candidate], offences: Offences
) -> list[Candidate]:
    """The data candidates that share neither question nor id with a test problem."""
    tested = {candidate.key: candidate.problem.id for candidate in test}
    tested_ids = set(tested.values())
    kept = []
    for candidate in data:
        row_id = candidate.problem.id
        if candidate.key in tested:
            offences.add("leakage", row_id, f"asks what test problem {tested[candidate.key]} asks")
        elif row_id in tested_ids:
            offences.add("leakage", row_id, "has a test problem's id (number rows: id_col null)")
        else:
            kept.append(candidate)
    return kept


def with_sound_golds(
    candidates: list[Candidate], settings: PrepareSettings, offences: Offences
) -> set[str]:
    """Ids of the candidates whose gold, stated as an attempt, gets the verdict "correct".

    A task's `why_unsound` is asked for the rows that a message will name.
    """
    golds = [candidate.problem.answer for candidate in candidates]
    with Verifier.from_settings(settings) as verifier:
        verdicts = verifier.check_golds(golds, Countdown("checked", "reference answers"))
    explain = getattr(verifier.task, "why_unsound", None)
    sound = set()
    for candidate, verdict in zip(candidates, verdicts, strict=True):
        if verdict.correct:
            sound.add(candidate.problem.id)
        else:
            reason = f"gold {_short(candidate.problem.answer)} does not verify against itself"
            found = f"{verdict.verdict}, extracted {_short(verdict.extracted)}"
            if explain is not None and len(offences.rows["bad_gold"]) < SHOWN:
                found = f"{verdict.verdict}: {explain(candidate.problem.answer)}"
            offences.add("bad_gold", candidate.problem.id, f"{reason}: {found}")
    return sound


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
