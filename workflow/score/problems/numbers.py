"""Numbers and missing values in cells: a number stays as it was written, and NaN is no answer.

A column of integers with a gap is one of floats in pandas and in what pandas writes: 391 becomes
391.0. `mend_gaps` takes that back.
"""

import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from numbers import Number
from typing import TypeGuard

from score.problems.invisible import without_invisible

# What programs write where a value is missing or infinite; a spreadsheet's errors.
MISSING = frozenset(
    "nan NaN NAN -nan <NA> NaT None null NULL inf +inf -inf Inf -Inf Infinity +Infinity -Infinity "
    "#N/A #NAME? #DIV/0! #REF! #VALUE! #NUM! #NULL!".split()
)
_WHOLE = re.compile(r"[-+]?\d+(\.0)?")
_EXACT_BELOW = 2**53  # a float holds the whole numbers up to here


class WrittenFloat(float):
    """A float of which `str` gives the text that it was read from: 0.00001 and not 1e-05."""

    text: str

    def __new__(cls, text: str, value: float | None = None):
        number = super().__new__(cls, text if value is None else value)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def is_number(value) -> TypeGuard[Number]:
    return isinstance(value, Number) and not isinstance(value, bool)


def number_text(value) -> str:
    """A number as it was written; one of which that is not known without an exponent.

    0.00001 for the float 1e-05, 0.1 for a numpy.float32, 2.50 for Decimal("2.50").
    """
    text = str(value)
    if isinstance(value, WrittenFloat) or "e" not in text.lower():
        return text
    return format(Decimal(text), "f")


def as_text(value):
    """Numbers, alone or in a list, as texts; what is none as it is."""
    if isinstance(value, list | tuple):
        return [as_text(one) for one in value]
    return number_text(value) if is_number(value) else value


def missing(value) -> str | None:
    """How a cell says that it has no value: the text of NaN, None and their like; None if it has one.

    A list has none where one of its members has none.
    """
    if isinstance(value, list | tuple):
        return next((found for found in map(missing, value) if found is not None), None)
    if value is None:
        return "None"
    text = without_invisible(str(value)).strip() if isinstance(value, str | Number) else ""
    return text if text in MISSING else None


def mend_gaps(rows: list[dict], columns: Iterable[str | None], notes: Counter) -> None:
    """Write 391.0 as 391, in place, in columns of whole numbers in which a value is missing.

    notes: what was changed, and floats too large to be exact, is counted here.
    """
    for column in set(columns) - {None}:
        cells = [row.get(column) for row in rows]
        here = [i for i, cell in enumerate(cells) if missing(cell) is None and cell != ""]
        inexact = sum(_is_inexact(cells[i]) for i in here)
        if inexact:
            notes[
                f"numbers of column {column!r} are floats of 2^53 or more, of which only the first 15 "
                "digits are sure"
            ] += inexact
        matches = [match for i in here if (match := _WHOLE.fullmatch(_text(cells[i])))]
        whole = len(matches) == len(here) < len(rows)
        if whole and any(match[1] for match in matches):
            for i, match in zip(here, matches, strict=True):
                text = match[0].removesuffix(".0")
                rows[i][column] = text if isinstance(cells[i], str) else int(text)
            notes[
                f"numbers of column {column!r}: .0 removed, since a gap had made floats of them"
            ] += sum(bool(match[1]) for match in matches)


def _is_inexact(cell) -> bool:
    if not isinstance(cell, float) or isinstance(cell, WrittenFloat):
        return False
    return abs(cell) >= _EXACT_BELOW


def _text(cell) -> str:
    return number_text(cell) if is_number(cell) else cell if isinstance(cell, str) else ""
