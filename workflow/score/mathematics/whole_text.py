"""Answers that are known by how their text looks: choices, times, matrices, systems, words."""

import re
from collections.abc import Callable

from score.mathematics.answers import Choice, Items, Matrix, Raw, Time
from score.mathematics.notation import NEW_ROW
from score.mathematics.parser import parse
from score.mathematics.tokens import tokenise

ARTICLES = {"a", "an", "the"}
_WORDS = re.compile(r"[A-Za-z'-]+(?: +[A-Za-z'-]+)*")
_TIME = re.compile(r"(\d{1,2})(?: ?: ?(\d\d))?(?: ?: ?(\d\d))? ?([ap])\.? ?m\.?", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2}) ?: ?(\d\d)(?: ?: ?(\d\d))?")
_MATRIX = re.compile(  # with a name before it and brackets around it
    r"(?:(?:[A-Z]+(?: ?\^ ?(?:\{ ?-1 ?\}|\{? ?[T\d] ?\}?))?"
    r"|\\mathbf ?\{ ?[A-Za-z] ?\}|\\vec ?\{ ?[a-z] ?\}) ?= ?)?"
    r"[(\[]? ?"
    r"\\begin ?\{([bpBvV]?matrix|array)\}(?: ?\{[clr| ]*\})?(.*)\\end ?\{\1\} ?[)\]]?",
    re.DOTALL,
)
_SYSTEM = re.compile(r"\\begin ?\{cases\}(.*)\\end ?\{cases\}", re.DOTALL)
_SPOKEN = re.compile(r"\\(?:text|textbf|textrm|mathrm|mathbf|mbox|bf) ?\{ ?([^{}]*?) ?\}")
_CHOICE = (
    re.compile(  # (B), B), B., B: and B, with its value; any letter where it is written as text
        r"(?:(?:option|choice|answer):? )?(?:\( ?([A-Z]) ?\)|([A-Z]) ?[.:)](?= |$)|([A-Z])$)(.*)",
        re.DOTALL | re.IGNORECASE,
    )
)


def choice(plain: str, read: Callable) -> Choice | None:
    spoken = _SPOKEN.sub(r"\1", plain).strip()
    match = _CHOICE.fullmatch(spoken)
    if match is None:
        return None
    letter = match[1] or match[2] or match[3]
    worded = spoken != plain or match.start(3) > 0 or len(spoken) > len(letter) + 2
    if not worded and not (letter.isupper() or match[1]):
        return None  # x is a variable
    if not worded and letter.upper() > "J":
        return None
    value = match[4].strip()
    if not value:
        return Choice(letter.upper())
    if value[0] in "(+-^!_'=,/*" or value.casefold().startswith(("or ", "and ")):
        return None
    answer = read(value)
    several = isinstance(answer, Raw) or (isinstance(answer, Items) and not answer.braces)
    return None if answer is None or several else Choice(letter.upper(), answer)


def time_of_day(plain: str) -> Time | None:
    spoken = re.sub(r"\\(?:text|mbox|mathrm) ?\{([^{}]*)\}|[{}]", r" \1 ", plain)
    match = _TIME.fullmatch(" ".join(spoken.split()))
    half = match[4].lower() + "m" if match else ""
    match = match or _CLOCK.fullmatch(plain)
    if match is None or (not half and not (match[2].startswith("0") or match[3])):
        return None  # 1:12 is a ratio, 1:05 is a time
    hour, minute, second = (int(part or 0) for part in match.groups()[:3])
    return Time(3600 * hour + 60 * minute + second, half) if minute < 60 > second else None


def matrix(plain: str) -> Matrix | None:
    match = _MATRIX.fullmatch(plain)
    if match is None or match[1].lower() == "vmatrix":
        return None
    rows = [row for row in match[2].split(NEW_ROW) if row.strip()]
    return Matrix(tuple(tuple(parse(tokenise(cell)) for cell in row.split("&")) for row in rows))


def system(plain: str, read: Callable) -> Items | None:
    """The equations of a `cases` environment, or in rows, as if commas stood between them."""
    match = _SYSTEM.fullmatch(plain)
    inside = match[1] if match else plain if NEW_ROW in plain and r"\begin" not in plain else ""
    rows = [row for row in inside.replace("&", " ").split(NEW_ROW) if row.strip()]
    return read(", ".join(row.strip(" ,;") for row in rows)) if rows else None


def spoken(plain: str) -> tuple[str, ...] | None:
    """The words of an answer that is nothing else, without case and articles; None for others."""
    text = _SPOKEN.sub(r" \1 ", plain)
    if not _WORDS.fullmatch(text.strip()) or not any(len(word) > 2 for word in text.split()):
        return None
    return tuple(word for word in text.casefold().split() if word not in ARTICLES)
