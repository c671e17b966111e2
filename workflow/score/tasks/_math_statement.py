r"""What an attempt at a math problem states: what is in a box, or behind the marker."""

import re

from score.mathematics import units
from score.tasks._marker import last

BOX = re.compile(r"\\(?:boxed|fbox)(?:\s*\{|\s*(?P<token>-?\d[\d.,]*(?<![.,])|[a-zA-Z])(?=[^\w{]))")
CLOSING = "I hope it is correct"
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # or an escaped character, which is none
_DELIMITERS = {"$$": "$$", "$": "$", r"\(": r"\)", r"\[": r"\]"}
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?=\s)")
_UNIT = re.compile(r"\s+([A-Za-z]{2,}(?:(?:\s*/\s*|\s+)[A-Za-z]+)*)(?=\s*(?:$|[.!*_`]|I hope))")


def boxed(text: str, box: re.Match) -> str | None:
    r"""What is in the box: \boxed{7}, or the one number or letter behind \boxed 7."""
    return box["token"] or _inside_braces(text, box.end())


def _inside_braces(text: str, start: int) -> str | None:
    """text[start:] up to the brace that closes the one just before start."""
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[start : brace.start()].strip() or None
    return None


def statement(rest: str) -> str | None:
    """The answer at the start of `rest`, the text behind a marker; None if it is not finished."""
    rest = rest.lstrip(" \t\r\n:*_`")
    box = last(BOX, rest)
    if box is not None:
        return boxed(rest, box)
    for opening, closing in _DELIMITERS.items():
        if rest.startswith(opening):
            inside = rest[len(opening) :]
            closed = re.search(r"(?<!\\)" + re.escape(closing), inside)
            if closed is None and opening != "$":
                return None
            if closed is None:
                break
            after = inside[closed.end() :].partition("\n")[0]
            if re.match(r"[\s*_`]*(?:$|[.!]|I hope)", after):
                return whole(inside[: closed.start()])
            if (unit := _UNIT.match(after)) and _is_unit(unit[1]):
                return whole(f"{inside[: closed.start()]}\\text{{ {unit[1]}}}")
            break
    line, newline, _ = rest.partition("\n")
    line, hope, _ = line.partition(CLOSING)
    line = line.rstrip(" \t\r*_`.")
    if line.count("$") - line.count(r"\$") == 1 and re.match(r"-?\$\s*-?[\d.,]*\d", line):
        # "$18" is money where the statement is closed, and an expression cut short where it is not
        return whole(line.replace("$", "", 1)) if newline or hope else None
    cut = (line.count("$") - line.count(r"\$")) % 2 or line.count(r"\(") > line.count(r"\)")
    number, unit = _NUMBER.match(line), None
    if number and (unit := _UNIT.fullmatch(line, number.end())) and _is_unit(unit[1]):
        return whole(f"{number[0]}\\text{{ {unit[1]}}}")
    return None if cut else whole(line)


def _is_unit(words: str) -> bool:
    """Whether words outside of a formula are a unit: `$60$ km/h` and `3 days`, and not `5 xy`."""
    return units.find(re.sub(r"\s*/\s*", " per ", words).split()) is not None


def whole(text: str) -> str | None:
    """A statement if it is not empty and each of its braces closes, else None."""
    text = text.strip()
    if not text.strip("$ "):
        return None
    return text if _inside_braces(text + "}", 0) == text else None
