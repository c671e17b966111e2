r"""Typed answers: what a text is, read by the first reader that accepts the whole of it (reading.py).

    Choice      A   (B)   \text{(C) } 12            one letter, with its value where one is given
    Time        8:34 p.m.   12:00                   a time of day, or minutes with a leading zero
    Based       43_5   \text{A5}_{11}               digits with a base
    Matrix      \begin{pmatrix} 1 \\ 2 \end{pmatrix}
    Region      -2 \le x \le 7   [-2,7)   x < 2 or x > 3   (-\infty,2) \cup (3,\infty)
    Relation    x = 5   f(x) = 2x   x + y = 5   y > 2x
    Items       1, 2   1 and 2   \{1, 2\}   1 \pm \sqrt2   x=1 or x=2
    Tuple       (1, 2)   [3, 4]
    Ratio       1:2:3
    Quantity    5   \frac12x   \$18   15 cm^2   3 hours 20 minutes     an expression, with its unit
    Text        Friday   an ellipse   1 is even
    Raw         any other text: it equals nothing but itself

A text that holds nothing to compare (N/A, nan, a lone brace) is no answer at all.
"""

from dataclasses import dataclass

from score.mathematics.tree import Node
from score.mathematics.units import Unit


@dataclass(frozen=True)
class Choice:
    letter: str
    value: object = None


@dataclass(frozen=True)
class Time:
    """seconds: of the day. half: am, pm or nothing."""

    seconds: int
    half: str


@dataclass(frozen=True)
class Based:
    digits: str


@dataclass(frozen=True)
class Matrix:
    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class Region:
    """parts: (lowest, whether it belongs, highest, whether it belongs); variable: None if unnamed."""

    parts: tuple[tuple[Node, bool, Node, bool], ...]
    variable: str | None = None


@dataclass(frozen=True)
class Relation:
    """name: of `x = …`, `f(x) = …` what is on the left, and the argument's name; else ("", "")."""

    left: Node
    sign: str
    right: Node
    name: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Items:
    """parts: answers, or None for an ellipsis. braces: whether they stood in braces."""

    parts: tuple
    braces: bool = False


@dataclass(frozen=True)
class Tuple:
    brackets: str
    parts: tuple


@dataclass(frozen=True)
class Ratio:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Quantity:
    """parts: (expression, unit or None), more than one for 3 hours 20 minutes."""

    parts: tuple[tuple[Node, Unit | None], ...]


@dataclass(frozen=True)
class Text:
    words: tuple[str, ...]


@dataclass(frozen=True)
class Raw:
    text: str
