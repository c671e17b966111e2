"""Sums of a few numbers, a step for each number after the first (score.puzzle.sums).

An attempt at "56 + 26 + 38 = ?" reads "56 + 26 = 82, 82 + 38 = 120". It states the number behind its
last equals sign, and nothing where none stands there or where more is to be added to it.
"""

import re

FIRST_PROMPT = "{question}"
CORRECTION_PROMPT = "Check each step. Write the whole solution again, corrected if it has an error."
EVALUATOR_FUNCTIONS = ("equal_number",)
MARKER = "="
MODES = ("default",)
MARKER_MODES = ()

_STATED = re.compile(  # 1098, 1,098, $1098$, **1098** or \boxed{1098}
    r"\s*(?:\$|\*\*|\\boxed\{)*\s*(\d{1,3}(?:,\d{3})+|\d{1,9})(?!,?\d|\.\d|\s*[-+*/×÷]\s*\d)"
)


def canonical_question(question: str) -> str:
    """Sums of the same numbers are the same problem, whatever their order."""
    return " ".join(sorted(re.findall(r"\d+", question)))


def parse_gold(raw: str) -> str:
    """A whole number without leading zeros; raises ValueError where it is none."""
    if isinstance(raw, bool) or not re.fullmatch(r"\s*\d+\s*", str(raw)):
        raise ValueError(f"the gold is {raw!r}, not a whole number")
    return str(int(raw))


def state(answer: str, marker: str) -> str:
    return f"= {answer}"


def extract(attempt: str, mode: str, marker: str) -> str | None:
    _, equals, behind = attempt.rpartition("=")
    stated = _STATED.match(behind) if equals else None
    return str(int(stated[1].replace(",", ""))) if stated else None


def grade(extracted: str, answer: str, function: str) -> float:
    return float(extracted == answer)


quick_grade = grade
