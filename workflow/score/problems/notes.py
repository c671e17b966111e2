"""What a person may want to know of problems that are kept: notes for the data card, with counts."""

import re
from collections.abc import Sequence

from score.problems.invisible import has_invisible
from score.problems.problem import Problem

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_ODD = {  # what the text of an answer shows that some program made of it
    "a spreadsheet seems to have shortened (1.23457E+11)": re.compile(r"-?\d(\.\d+)?E[+-]\d\d+"),
    "a spreadsheet seems to have read as a date (3/4 as 4-Mar)": re.compile(
        rf"\d{{1,2}}-({_MONTHS})|({_MONTHS})-\d\d"
    ),
    "are the text of a list, as pandas writes one into CSV": re.compile(
        r"\[\s*(['\"]).*\1\s*\]", re.S
    ),
}


def notes_on(problems: Sequence[Problem], levels: bool, task) -> dict[str, int]:
    """By what they are, the number of problems that are kept although something is odd.

    levels: whether problems were to have one.
    """
    hidden = "with characters that nobody sees, which stay in the text and count in no comparison"
    texts = [_texts(problem.answer) for problem in problems]
    notes = {
        f"questions {hidden}": sum(has_invisible(problem.question) for problem in problems),
        f"answers {hidden}": sum(any(map(has_invisible, answer)) for answer in texts),
        "problems without a level": sum(levels and problem.level is None for problem in problems),
    }
    if hasattr(task, "only_text"):
        alone = [problem for problem in problems if task.only_text(problem.answer)]
        notes["answers that are words, so that only the same words equal them"] = len(alone)
    for what, pattern in _ODD.items():
        notes[f"answers that {what}"] = sum(any(map(pattern.fullmatch, answer)) for answer in texts)
    return {what: count for what, count in notes.items() if count}


def _texts(answer: str | list[str]) -> list[str]:
    return [answer] if isinstance(answer, str) else answer
