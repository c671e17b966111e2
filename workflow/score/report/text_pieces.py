"""Formulas and code within a text: where they are, and how they are shown.

The page finds them again with the same expression (PIECES, which it is given), looks their source up in
the tables made here, and shows as text whatever is not there. Nothing here returns markup: a formula is
a tree of names, attributes and texts, code is a list of classes and lengths.
"""

import html
import itertools
import re
from collections.abc import Iterable
from functools import lru_cache
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Literal, Name, Operator, String, Token
from pygments.util import ClassNotFound

# Read by Python and by JavaScript alike, so it has what both know, and each part has a bound.
PIECES = (
    r"```([A-Za-z0-9+#_.-]{0,20})[ \t]*\n([^`]{1,40000}?)\n?```"  # 1 language, 2 code
    r"|\$\$([^$]{1,2000}?)\$\$"  # 3
    r"|\\\[((?:(?!\\\[)[^\0]){1,2000}?)\\\]"  # 4
    r"|(\\begin\{((?:align|aligned|equation|gather|cases|array|[pbvBV]?matrix)\*?)\}"  # 5, 6 its name
    r"[^\0]{1,2000}?\\end\{\6\})"
    r"|\\\(((?:(?!\\\()[^\0]){1,1000}?)\\\)"  # 7
    r"|(?:^|[^\\$])\$([^\s$](?:[^$\n]{0,600}[^\s$\\])?)\$(?![0-9$])"  # 8
    r"|(\\boxed\{(?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]*\})*\}){1,300}\})"  # 9
)
SIGNS = {"math": "$", "display": "$$"}
_DISPLAYS = {"math": "inline", "display": "block"}
DISPLAY = (3, 4, 5)  # groups that stand on a line of their own
_PIECES = re.compile(PIECES)
LONGEST = 600  # characters of an answer that may be a formula
MOST_FORMULAS = 40_000  # of one part; a formula takes a fifth of a millisecond
MOST_CODE = 4_000_000  # characters of one part

_ALLOWED = {
    *(
        "math",
        "mrow",
        "mi",
        "mn",
        "mo",
        "mtext",
        "mspace",
        "mfrac",
        "msqrt",
        "mroot",
        "mstyle",
        "msub",
    ),
    *(
        "msup",
        "msubsup",
        "munder",
        "mover",
        "munderover",
        "mtable",
        "mtr",
        "mtd",
        "mpadded",
        "mphantom",
    ),
    *("mmultiscripts", "mprescripts"),
}
_ATTRIBUTES = {
    "accent": r"true|false",
    "columnalign": r"(left|center|right)( (left|center|right))*",
    "displaystyle": r"true|false",
    "fence": r"true|false",
    "form": r"prefix|infix|postfix",
    "linethickness": r"0|0px|0em",
    "mathvariant": r"normal",
    "movablelimits": r"true|false",
    "scriptlevel": r"[0-2]",
    "stretchy": r"true|false",
    "width": r"-?[0-3](\.\d+)?em",
}
_DEEPEST = 60

_CLASSES = (
    (Comment, "c"),
    (Keyword, "k"),
    (String, "s"),
    (Literal, "n"),
    (Name.Builtin, "b"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Operator.Word, "k"),
)


def pieces(text: str) -> list[tuple[int, int, str, str]]:
    """(start, end, kind, source) of each in order: kind is `math`, `display` or a language."""
    found = []
    for match in _PIECES.finditer(text):
        group = match.lastindex or 0  # never 0: each alternative has a group
        if group in (1, 2):
            start, end = match.span(2)
            found.append((start, end, match[1] or "text", match[2]))
            continue
        start, end = match.span()
        if group == 8:  # without the sign in front of the dollar
            start = match.start(8) - 1
        found.append((start, end, "display" if group in DISPLAY else "math", match[group]))
    return found


def rendered(texts: Iterable[str], answers: Iterable[str] = ()) -> dict:
    """`formulas` and `code`: source -> how it is shown, for all pieces of the texts.

    Sources of formulas have the sign `$` in front of them, or `$$` where they stand on their own line.
    answers: texts that are a formula as a whole where they hold a backslash. What can't be read,
    and what is more than MOST_FORMULAS or MOST_CODE, is left out and will be shown as it was written.
    """
    formulas: dict[str, list | None] = {}
    code: dict[str, list | None] = {}
    characters = 0
    found = (piece[2:] for text in texts for piece in pieces(text))
    whole = (("math", text) for text in answers if _is_latex(text))
    for kind, source in itertools.chain(found, whole):
        if kind in SIGNS:
            key = SIGNS[kind] + source
            if key not in formulas and len(formulas) < MOST_FORMULAS:
                formulas[key] = formula_tree(source, kind)
        elif source not in code and characters + len(source) <= MOST_CODE:
            characters += len(source)
            code[source] = code_runs(source, kind)
    return {
        "formulas": {source: tree for source, tree in formulas.items() if tree},
        "code": {source: runs for source, runs in code.items() if runs},
    }


def _is_latex(answer: str) -> bool:
    return "\\" in answer and len(answer) <= LONGEST and not set('\n"') & set(answer)


@lru_cache(maxsize=MOST_FORMULAS)
def formula_tree(latex: str, kind: str = "math") -> list | None:
    """LaTeX as MathML: [name, {attribute: value}, child, ...], texts are children; None if unreadable.

    Names and attributes are of a closed list; an element of another name is a row of its children.
    """
    latex = re.sub(
        r"\\\\[ \t]+", r"\\\\" + "\n", latex
    )  # a break and a space, not a spaced backslash
    try:
        return _tree(convert_to_element(latex, display=_DISPLAYS[kind]), 0)
    except Exception:  # the converter raises whatever its own code meets, RecursionError as well
        return None


def _tree(node: Element, depth: int) -> list:
    if depth > _DEEPEST:
        raise ValueError("deeper than is drawn")
    name, attributes = node.tag, {}
    if name == "menclose" and "box" in node.get("notation", ""):
        attributes["class"] = "boxed"
    attributes |= {
        key: value
        for key, value in node.attrib.items()
        if key in _ATTRIBUTES and re.fullmatch(_ATTRIBUTES[key], value)
    }
    children: list = [html.unescape(node.text)] if node.text else []
    children += [_tree(child, depth + 1) for child in node]
    return [name if name in _ALLOWED else "mrow", attributes, *children]


def code_runs(source: str, language: str) -> list | None:
    """[class, length, class, length, ...] over a program; None in an unknown language.

    Lengths are in UTF-16 units, as JavaScript counts. Classes: k keyword, s string, c comment, n number,
    b builtin, f defined name, and the empty one.
    """
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    runs: list = []
    for token, text in lexer.get_tokens(source):
        kind = _class_of(token)
        if runs and runs[-2] == kind:
            runs[-1] += units(text)
        else:
            runs += [kind, units(text)]
    return runs if sum(runs[1::2]) == units(source) and any(runs[::2]) else None


def _class_of(token: type[Token]) -> str:
    return next((name for kind, name in _CLASSES if token in kind), "")


def units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
