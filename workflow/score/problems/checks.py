"""From rows to problems that can be trusted: whole, asked once, not leaked, with a sound gold.

Nothing here raises for one bad row: each becomes an offence with its id and a reason, so that a
person sees all of them at once. `Offences.refuse` raises for the kinds that are not dropped.
"""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from score.jobs.progress import Countdown
from score.problems.problem import Problem, question_key, split_order
from score.verifiers.verifier import Verifier

SHOWN = 10  # offending rows named in an error
REFUSALS = {"bad_gold": "Correct", "duplicate": "Remove", "leakage": "Remove"}


@dataclass(frozen=True)
class Candidate:
    """A whole row on its way to being a problem. order: its place in every split of it."""

    problem: Problem
    key: str
    order: str


class Offences:
    """Rows that can't be used, by kind, with the reason for each."""

    def __init__(self):
        self.rows = {kind: [] for kind in REFUSALS}

    def add(self, kind: str, row_id: str, reason: str) -> None:
        self.rows[kind].append({"id": row_id, "reason": reason})

    def refuse(self, settings) -> None:
        """Raise one ValueError that names the rows of every kind that is not dropped."""
        lines = []
        for kind, rows in self.rows.items():
            if rows and getattr(settings, f"on_{kind}") == "refuse":
                total, whom = ("1 row", "it") if len(rows) == 1 else (f"{len(rows)} rows", "them")
                lines.append(f"{kind}: {total}. {REFUSALS[kind]} {whom}, or set on_{kind}: drop.")
                lines += [f"  {row['id']}: {row['reason']}" for row in rows[:SHOWN]]
                if len(rows) > SHOWN:
                    lines.append(f"  and {len(rows) - SHOWN} more")
        if lines:
            raise ValueError(
                f"{settings.data_path} can't be prepared; expected every row to be a problem whose "
                "gold verifies against itself, asked once and not in test.\n" + "\n".join(lines)
            )


def check_columns(rows: list[dict], place: str, task, settings) -> None:
    """ValueError when a named column is in no row; the columns that exist are listed."""
    hooks = {"question_col": "question_from_row", "gold_col": "gold_from_row"}
    columns = list(dict.fromkeys(name for row in rows for name in row))
    for setting in ("id_col", "question_col", "gold_col", "level_col"):
        column, hook = getattr(settings, setting), hooks.get(setting)
        if hook is not None and (hasattr(task, hook) or column is None):
            if not hasattr(task, hook):
                raise ValueError(
                    f"{setting} is null; expected one of {columns}, the columns of {place}."
                )
        elif column is not None and column not in columns:
            raise ValueError(
                f"{setting} is {column!r}; expected one of {columns}, the columns of {place}."
            )


def candidates(rows: list[dict], prefix: str, task, settings, offences) -> list[Candidate]:
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
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value):
        raise ValueError(f"id column {column!r} is {value!r}; expected a text or a number")
    return str(value)


def _problem(row: dict, row_id: str, task, settings) -> Problem:
    """The problem a row holds; ValueError with the reason when it holds none."""
    if hasattr(task, "question_from_row"):
        question = _from_hook(task.question_from_row, row)
    else:
        question = _field(row, settings.question_col)
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"question is {question!r}; expected a text")
    if hasattr(task, "gold_from_row"):
        raw = _from_hook(task.gold_from_row, row)
    else:
        raw = _field(row, settings.gold_col)
    if settings.gold_pattern is not None:
        raw = _last_match(settings.gold_pattern, raw)
    answer = task.parse_gold(raw)
    level = None if settings.level_col is None else row.get(settings.level_col)
    level = None if level is None else re.sub(r"(?i)^level\s+", "", str(level).strip())
    problem = Problem(row_id, question, answer, level)
    try:
        json.dumps(asdict(problem), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"holds half of a surrogate pair ({error.reason})") from None
    return problem


def _field(row: dict, column: str):
    if row.get(column) is None:
        raise ValueError(f"field {column!r} is missing")
    return row[column]


def _from_hook(hook, row: dict):
    try:
        return hook(row)
    except KeyError as error:
        raise ValueError(f"field {error} is missing; the row has {sorted(row)}") from None
    except (TypeError, AttributeError) as error:  # a null or a number where a text belongs
        raise ValueError(f"a field is of the wrong type: {error}") from None


def _last_match(pattern: str, raw) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"gold is {raw!r}; expected a text that gold_pattern can match")
    matches = re.findall(pattern, raw)
    if not matches:
        raise ValueError(f"gold_pattern {pattern!r} matches nothing in {raw[-60:]!r}")
    return matches[-1]


def without_duplicates(candidates: list[Candidate], offences: Offences) -> list[Candidate]:
    """Keep one candidate a question and one an id: the first in split order."""
    kept, by_key, by_id = [], {}, {}
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


def without_leaks(data, test, offences: Offences) -> list[Candidate]:
    """Keep the data candidates that share neither question nor id with a test problem."""
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


def with_sound_golds(candidates: list[Candidate], settings, offences: Offences) -> set[str]:
    """Ids of the candidates whose gold, stated as an attempt, is judged correct."""
    golds = {json.dumps(c.problem.answer): c.problem.answer for c in candidates}
    verdicts = dict(zip(golds, _judge_golds(list(golds.values()), settings), strict=True))
    sound = set()
    for candidate in candidates:
        problem = candidate.problem
        verdict = verdicts[json.dumps(problem.answer)]
        if verdict.correct:
            sound.add(problem.id)
        else:
            reason = f"gold {_short(problem.answer)} does not verify against itself"
            found = f"{verdict.verdict}, extracted {_short(verdict.extracted)}"
            offences.add("bad_gold", problem.id, f"{reason}: {found}")
    return sound


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _judge_golds(golds: list, settings) -> list:
    countdown, verdicts = Countdown("checked", "reference answers"), []
    with Verifier.from_settings(settings) as verifier:
        with ThreadPoolExecutor(settings.verifier_workers) as threads:
            for verdict in threads.map(verifier.check_gold, golds):
                verdicts.append(verdict)
                countdown(len(verdicts), len(golds))
    return verdicts
