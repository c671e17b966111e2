"""Fenced blocks of code in a text, read as people and models write them. Takes linear time.

    opens      three or more backticks or tildes at the start of a line, behind spaces, a quote's `>` or
               the mark of a list item; behind other text only with the name of a language. What follows
               the name (title="a.py", linenums=1, {.python}) is ignored
    closes     a line of at least as many of the same; in code also backticks at the end of a line of
               code, and any fence that names a language, which opens the next block
    no fence   what stands in a string or comment of the code, the fence of a block of Markdown, which
               holds text with blocks of its own, and a fence right behind a closing one that nothing
               closes

The indentation of the opening fence is taken from each line of a block.
"""

import re
from typing import NamedTuple

_MARK = r"(?:>[ \t]*+|[-*+][ \t]++|[0-9]{1,4}[.)][ \t]++)"
_OPENING = re.compile(
    rf"^(?P<indent>[ \t]*+(?:{_MARK})*)(?P<fence>`{{3,}}+|~{{3,}}+)(?P<info>[^`\n]*+)$"
    r"|(?<!`)(?P<late>`{3,}+)(?P<language>(?:python|py)[0-9.]*)[ \t]*\r?$",
    re.MULTILINE | re.IGNORECASE,
)
_LANGUAGE = re.compile(r"[ \t]*\{?[ \t]*\.?([\w.+#-]*)")
_PYTHON = re.compile(r"(?:(?:i?python|py)[0-9.]*|.*\.py)?", re.IGNORECASE)
_MARKDOWN = ("markdown", "md", "text/markdown")
# what a scan of code stops at: comments, strings, fences at the start of a line, other backticks
_TOKEN = re.compile(
    r"(?P<line>^[ \t>]*+(?:`{3,}+|~{3,}+)[^`\n]*+$)"
    r"|\#[^\n]*+|\\."
    r'|(?P<long>"""|\'\'\')'
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"|\'[^\'\\\n]*(?:\\.[^\'\\\n]*)*\''
    r"|(?<!`)(?P<late>`{3,}+)",
    re.MULTILINE,
)
# in a long string: what a backslash takes along, or its end
_IN_LONG = {quotes: re.compile(rf"\\.|(?P<end>{quotes})", re.DOTALL) for quotes in ('"""', "'''")}
_LINE = re.compile(r"^[ \t>]*+(?P<fence>`{3,}+|~{3,}+)(?P<info>[^`\n]*+)$", re.MULTILINE)


class Block(NamedTuple):
    """language: as written, empty where none is. closed: whether a fence closes it."""

    language: str
    text: str
    closed: bool

    @property
    def is_python(self) -> bool:
        """Whether it may hold a program: it names Python, or no language."""
        return _PYTHON.fullmatch(self.language) is not None


def _language(info: str) -> str:
    found = _LANGUAGE.match(info)
    return found[1] if found else ""


def blocks(text: str) -> list[Block]:
    """All blocks of a text, in order; only the last may not be closed."""
    found, at, closed_at = [], 0, None
    strings = True  # until code with a string that does not end would hide all that follows
    while opening := _OPENING.search(text, at):
        info = opening["info"] or opening["language"] or ""
        fence, language = opening["fence"] or opening["late"], _language(info)
        at = min(opening.end() + 1, len(text))
        if language.lower() in _MARKDOWN:
            continue
        end, after = _closing(text, at, fence, language, strings)
        if end is None and strings:
            strings = False
            end, after = _closing(text, at, fence, language, strings)
        if end is None and closed_at is not None and not info.strip():
            if not text[closed_at : opening.start()].strip():
                closed_at = None
                continue
        content = text[at : len(text) if end is None else end]
        found.append(Block(language, _dedented(content, opening["indent"] or ""), end is not None))
        if end is None:
            break
        at = closed_at = after
    return found


def _closing(text: str, at: int, fence: str, language: str, strings: bool) -> tuple:
    """(where a block's content ends, where to go on); (None, None) where nothing closes it."""
    in_code = strings and _PYTHON.fullmatch(language) is not None
    while token := (_TOKEN if in_code else _LINE).search(text, at):
        at = token.end()
        if in_code and token["long"]:
            inside = _IN_LONG[token["long"]].finditer(text, at)
            end = next((found.end() for found in inside if found["end"]), None)
            if end is None:
                return None, None
            at = end
        elif in_code and token["late"]:
            if len(token["late"]) >= len(fence) and fence[0] == "`":
                return token.start(), token.end()
        elif not in_code or token["line"]:
            line = _LINE.match(text, token.start())
            assert line is not None  # a token that is a line
            same = line["fence"][0] == fence[0] and len(line["fence"]) >= len(fence)
            if same and not line["info"].strip():
                return line.start(), line.end()
            if same:  # another block begins, or text follows: this block was not closed properly
                return line.start(), line.start() if _language(line["info"]) else line.end()
    return None, None


def _dedented(text: str, indent: str) -> str:
    """A block without the indentation, or the quote marks, of its opening fence."""
    if indent:
        quotes, width = indent.count(">"), min(len(indent), 99)
        lead = rf"^(?:[ \t]*+>[ ]?){{{quotes}}}" if quotes else rf"^[ \t]{{0,{width}}}+"
        text = re.sub(lead, "", text, flags=re.MULTILINE)
    return text.strip("\r\n")
