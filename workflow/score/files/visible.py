"""Texts of others, as in data sets, models and names of files, shown so that a reader sees all of them.

Such a text may hold sequences that steer a terminal, directions that reorder what is read, line breaks
that look like a line of ours, Markdown, or a formula for a spreadsheet.
"""

# An older Python must be able to run this, as score.doctor shows its findings by it.
from __future__ import annotations

import re
import unicodedata

MOST = 200  # characters of a text in a table or a list
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format, half a pair, separators of lines
_MARKUP = re.compile(r"\\(?=[!-/:-@\[-`{-~])|[`|]|<(?=[A-Za-z/!?])|\](?=\()")
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def visible(text: str, most: int | None = None) -> str:
    """The text in one line, with what nobody sees written as Python does: \\x1b, \\n, \\u202e.

    most: characters after which it ends in …; None for all.
    """
    if most is not None and len(text) > most:
        text = f"{text[: most - 1]}…"
    return "".join(map(_shown, text))


def visible_lines(text: str) -> str:
    """The same for a message of several lines: line breaks and tabs stay."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in lines)


def in_markdown(text: str, most: int | None = MOST) -> str:
    """`visible`, and without an effect as Markdown: no cell, code, tag, link or picture begins in it."""
    return _MARKUP.sub(r"\\\g<0>", visible(text, most))


def in_code(text: str, most: int | None = MOST) -> str:
    """`visible`, as code in Markdown, in a fence longer than any run of backticks in it."""
    text = visible(text, most) or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{room}{text}{room}{fence}"


def in_cell(value):
    """A value for a cell of CSV: a text that a spreadsheet would take for a formula begins with '.

    Numbers stay, as texts too.
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    formula = value.startswith(_FORMULA) and not _NUMBER.fullmatch(value)
    return f"'{text}" if formula else text


def in_json(text: str) -> str:
    """JSON that means the same, in which characters that nobody sees are escaped."""
    return "".join(c if _is_seen(c) or c in "\n\t" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _is_seen(character: str) -> bool:
    return " " <= character <= "~" or unicodedata.category(character) not in _HIDDEN


def _shown(character: str) -> str:
    return character if _is_seen(character) else character.encode("unicode_escape").decode()
