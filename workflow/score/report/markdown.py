"""The markdown that this package writes (headings, tables, lists, paragraphs) as elements.

Everything else is a paragraph of plain text, so a page of another hand is shown rather than refused.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from xml.etree.ElementTree import Element

from score.report.elements import element

_CELLS = re.compile(r"(?<!\\)\|")
_NUMBER = re.compile(r"[<+−-]?[\d.,]+(e-?\d+)?( %)?( \[.*\])?")
_BOLD = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`")


def markdown_elements(text: str, level: int = 3) -> list[Element]:
    """The blocks of a page. level: of its first-level headings, 1 to 6."""
    found: list[Element] = []
    for kind, lines in groupby(text.splitlines(), _kind):
        found += _BLOCKS[kind](list(lines), level)
    return found


def _kind(line: str) -> str:
    line = line.strip()
    if not line:
        return "blank"
    if line.startswith("|") and line.endswith("|"):
        return "table"
    if re.match(r"#{1,6} ", line):
        return "heading"
    return "list" if line.startswith(("* ", "- ")) else "text"


def table_element(head: list[str], rows: list[list[str]]) -> Element:
    """A table in a box that scrolls sideways; columns of numbers are set to the right."""
    columns = zip(*rows, strict=True) if rows else [() for _ in head]
    numeric = [all(not c or _NUMBER.fullmatch(c) for c in column) for column in columns]
    kinds = ["number" if yes else None for yes in numeric]
    cells = [
        element("th", text, scope="col", class_=k) for text, k in zip(head, kinds, strict=True)
    ]
    body = [
        element(
            "tr", [element("td", _inline(t), class_=k) for t, k in zip(row, kinds, strict=True)]
        )
        for row in rows
    ]
    table = element("table", element("thead", element("tr", cells)), element("tbody", body))
    return element("div", table, class_="wide", tabindex="0", role="group", aria_label="table")


def _table(lines: list[str], level: int) -> Iterator[Element]:
    rows = [[cell.strip().replace("\\|", "|") for cell in _CELLS.split(li)[1:-1]] for li in lines]
    rows = [row for row in rows if not all(re.fullmatch(r":?-*:?", cell) for cell in row)]
    width = max(map(len, rows), default=0)
    head, *body = [row + [""] * (width - len(row)) for row in rows] or [[]]
    yield table_element(head, body)


def _heading(lines: list[str], level: int) -> Iterator[Element]:
    for line in lines:
        marks, _, text = line.strip().partition(" ")
        yield element(f"h{min(level + len(marks) - 1, 6)}", text)


def _list(lines: list[str], level: int) -> Iterator[Element]:
    yield element("ul", [element("li", _inline(line.strip()[2:])) for line in lines])


def _text(lines: list[str], level: int) -> Iterator[Element]:
    yield element("p", _inline(" ".join(line.strip() for line in lines)))


def _inline(text: str) -> list:
    parts, end = [], 0
    for match in _BOLD.finditer(text):
        name, inner = ("strong", match[1]) if match[1] else ("code", match[2])
        parts += [text[end : match.start()], element(name, inner)]
        end = match.end()
    return [*parts, text[end:]]


_BLOCKS = {
    "blank": lambda lines, level: (),
    "table": _table,
    "heading": _heading,
    "list": _list,
    "text": _text,
}
