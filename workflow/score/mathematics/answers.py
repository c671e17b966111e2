r"""Typed answers: what a text is, read by the first of these readers that accepts the whole of it.

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

import re
from dataclasses import dataclass
from functools import lru_cache

from score.mathematics import units
from score.mathematics.notation import NEW_ROW, normalise
from score.mathematics.parser import parse
from score.mathematics.tokens import Token, tokenise
from score.mathematics.tree import LENGTH_LIMIT, Node, Unreadable, number
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
    """parts: (expression, unit or None), more than one for 3 hours 20 minutes. words: as written."""

    parts: tuple[tuple[Node, Unit | None], ...]
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    words: tuple[str, ...]


@dataclass(frozen=True)
class Raw:
    text: str


_NOTHING = {"", "nan", "none", "null", "n/a", "na", "nil", "undefined-", "?", "inf-", "-", "--"}
_ARTICLES = {"a", "an", "the"}
_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty".split()
)
_SIGNS = {"=", "<", ">", r"\le", r"\ge", r"\ne", r"\in"}
_TURNED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le", "=": "=", r"\ne": r"\ne"}
_OPENING, _CLOSING = {"(", "[", "{", r"\{"}, {")", "]", "}", r"\}"}
_TIME = re.compile(r"(\d{1,2})(?: ?: ?(\d\d))?(?: ?: ?(\d\d))? ?([ap])\.? ?m\.?", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2}) ?: ?(\d\d)(?: ?: ?(\d\d))?")
_MATRIX = re.compile(r"\\begin ?\{([bpBvV]?matrix|array)\}(?: ?\{[clr| ]*\})?(.*)\\end ?\{\1\}", re.DOTALL)
_WRAPPED = r"\\(?:text|textbf|textrm|mathrm|mathbf|mbox|bf) ?\{ ?%s ?\}"
_CHOICE = re.compile(  # \text{P}, \text{(P)}, (\text{P}), and (A) or A where the letter is one of the first
    "|".join(
        (
            _WRAPPED % r"(?:\( ?([A-Za-z]) ?\)|([A-Za-z])) ?\.?" + "(.*)",
            r"\( ?" + _WRAPPED % "([A-Za-z])" + r" ?\)(.*)",
            r"\( ?([A-Ja-j]) ?\)(.*)",
            r"([A-J])",
        )
    ),
    re.DOTALL,
)


@lru_cache(maxsize=20_000)
def read(text: str):
    """The typed answer that `text` is, None where it holds nothing to compare."""
    if len(text) > LENGTH_LIMIT:
        return Raw("".join(text.split()))
    plain = normalise(text)
    if _is_nothing(plain):
        return None
    try:
        return _read(plain)
    except (Unreadable, RecursionError):
        return Raw(flat(plain))


def _is_nothing(plain: str) -> bool:
    if plain.casefold() in _NOTHING:
        return True
    words = re.sub(r"\\[a-zA-Z]+", " ", plain)
    commands = set(re.findall(r"\\([a-zA-Z]+)", plain)) - {"frac", "sqrt", "text", "mbox", "left"}
    return not commands and not re.search(r"[^\W_]", words) and plain.replace(" ", "") != r"\{\}"


def flat(text: str) -> str:
    """A text as it is compared with another: without spaces, wrappers of words and case of commands."""
    text = re.sub(r"\\(?:text|textbf|mbox|mathrm|textnormal|textit) ?\{([^{}]*)\}", r"\1", text)
    return "".join(text.split())


def _read(plain: str):
    for reader in (_choice, _time, _matrix):
        answer = reader(plain)
        if answer is not None:
            return answer
    tokens = tokenise(plain)
    try:
        return _structured(tokens)
    except Unreadable:
        return _text(plain, tokens)


def _choice(plain: str) -> Choice | None:
    match = _CHOICE.fullmatch(plain)
    if match is None:
        return None
    letter = next(group for group in (match[1], match[2], match[4], match[6], match[8]) if group)
    value = next((rest.strip() for rest in (match[3], match[5], match[7]) if rest), "")
    if not value:
        return Choice(letter.upper())
    answer = read(value)
    # (C) 12 is a choice with its value; A or B, and (a)(b), are something else
    bracketed = match[2] is None and isinstance(answer, Quantity) and value[0] not in "(+-^!_'"
    return Choice(letter.upper(), answer) if bracketed else None


def _time(plain: str) -> Time | None:
    spoken = re.sub(r"\\(?:text|mbox|mathrm) ?\{([^{}]*)\}|[{}]", r" \1 ", plain)
    match = _TIME.fullmatch(" ".join(spoken.split()))
    half = match[4].lower() + "m" if match else ""
    match = match or _CLOCK.fullmatch(plain)
    if match is None or (not half and not (match[2].startswith("0") or match[3])):
        return None  # 1:12 is a ratio, 1:05 is a time
    hour, minute, second = (int(part or 0) for part in match.groups()[:3])
    return Time(3600 * hour + 60 * minute + second, half) if minute < 60 > second else None


def _matrix(plain: str) -> Matrix | None:
    match = _MATRIX.fullmatch(plain)
    if match is None or match[1].lower() == "vmatrix":
        return None
    rows = [row for row in match[2].split(NEW_ROW) if row.strip()]
    return Matrix(tuple(tuple(parse(tokenise(cell)) for cell in row.split("&")) for row in rows))


def _structured(tokens: list[Token]):
    """Items, where separators stand outside all brackets; else one of the other kinds."""
    unions = _split(tokens, {r"\cup"})
    if len(unions) > 1:
        return Region(tuple(part for one in unions for part in _as_region(_single(one)).parts))
    alternatives = [_single_or_list(part) for part in _split(tokens, {"or"})]
    if len(alternatives) > 1:
        if all(isinstance(one, Region) for one in alternatives):
            return Region(sum((one.parts for one in alternatives), ()), alternatives[0].variable)
        return Items(tuple(p for one in alternatives for p in (one.parts if isinstance(one, Items) else (one,))))
    return alternatives[0]


def _single_or_list(tokens: list[Token]):
    parts = [part for part in _split(tokens, {",", ";", "and"})]
    # a comma before "and" leaves an empty part
    parts = [part for number, part in enumerate(parts) if part or number in (0, len(parts) - 1)]
    if len(parts) == 1:
        return _single(parts[0])
    answers = [None if _is_ellipsis(part) else _single(part) for part in parts]
    compound = _as_compound(answers)
    if compound is not None:
        return compound
    return Items(tuple(p for a in answers for p in _expanded(a)))


def _expanded(answer) -> tuple:
    return answer.parts if isinstance(answer, Items) and not answer.braces else (answer,)


def _as_compound(answers: list) -> Quantity | None:
    """3 hours and 20 minutes, read as one quantity."""
    if not all(isinstance(one, Quantity) and len(one.parts) == 1 for one in answers):
        return None
    found = [one.parts[0][1] for one in answers]
    same = None not in found and len({unit.dimension for unit in found}) == 1
    if same and len({unit.factor for unit in found}) == len(found):
        return Quantity(tuple(one.parts[0] for one in answers))
    return None


def _is_ellipsis(tokens: list[Token]) -> bool:
    return [token.text for token in tokens] == [r"\ldots"]


def _split(tokens: list[Token], separators: set[str]) -> list[list[Token]]:
    """The tokens between separators that stand outside all brackets."""
    parts, depth = [[]], 0
    for token in tokens:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if depth == 0 and token.text in separators and token.kind != "number":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _single(tokens: list[Token]):
    if not tokens:
        raise Unreadable("nothing stands there")
    if tokens[-1].kind == "based" and [t.text for t in tokens[:-1]] in ([], ["-"]):
        return Based("".join(token.text for token in tokens))
    if len(tokens) == 1 and tokens[0].kind == "word":
        return _word(tokens[0].text)
    sides = _split(tokens, _SIGNS)
    if len(sides) > 1:
        return _related(tokens, sides)
    ratio = _split(tokens, {":"})
    if len(ratio) > 1:
        return Ratio(tuple(parse(part) for part in ratio))
    if tokens[0].text in ("(", "[", r"\{", "]") and tokens[-1].text in (")", "]", r"\}", "["):
        if (bracketed := _bracketed(tokens)) is not None:
            return bracketed
    if [t.text for t in tokens] == [r"\emptyset"]:
        return Items((), braces=True)
    if [t.text for t in tokens] == [r"\reals"]:
        infinity = Node("constant", value="inf")
        return Region(((Node("negative", (infinity,)), False, infinity, False),))
    return _quantity(tokens)


def _word(word: str) -> Quantity | Choice | Text:
    if word.casefold() in _NUMBER_WORDS:
        return Quantity(((number(_NUMBER_WORDS.index(word.casefold())), None),))
    return Choice(word.upper()) if len(word) == 1 else Text((word.casefold(),))


def _bracketed(tokens: list[Token]):
    opening, closing, inside = tokens[0].text, tokens[-1].text, tokens[1:-1]
    depth = 0
    for token in inside:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if depth < 0:
            return None  # (1)(2): the first bracket closes before the end
    parts = _split(inside, {",", ";"})
    if opening == r"\{" and closing == r"\}":
        if not inside:
            return Items((), braces=True)
        answers = [None if _is_ellipsis(part) else _structured(part) for part in parts]
        return Items(tuple(p for a in answers for p in _expanded(a)), braces=True)
    if len(parts) < 2 or opening == r"\{" or closing == r"\}":
        return None
    answers = tuple(None if _is_ellipsis(part) else _structured(part) for part in parts)
    if opening + closing in ("[)", "(]") and len(answers) == 2:
        return _as_region(Tuple(opening + closing, answers))
    return Tuple(opening + closing, answers)


def _related(tokens: list[Token], sides: list[list[Token]]):
    signs = [t.text for t in _outside(tokens) if t.text in _SIGNS]
    if signs == [r"\in"]:
        inside = _structured(sides[1])
        name = _name(sides[0])[0]
        if isinstance(inside, Items):
            return Items(tuple(_named(name, sides[0], part) for part in inside.parts))
        return Region(_as_region(inside).parts, name)
    if len(signs) == 2 and not set(signs) & {"=", r"\ne", r"\in"}:
        return _between(sides, signs)
    if len(signs) != 1:
        raise Unreadable("a chain of relations")
    sign, (left, right) = signs[0], sides
    if sign == "=":
        name, values = _name(left), _values(right)
        if not name[0] and _name(right)[0] and not name[0]:
            name, values, left = _name(right), _values(left), right
        if name[0] and len(values) > 1:
            return Items(tuple(Relation(parse(left), "=", value, name) for value in values))
        return Relation(parse(left), "=", _value(right if left is sides[0] else sides[0]), name)
    trees = parse(left), parse(right)
    for name, sign_of_name, bound in ((left, sign, trees[1]), (right, _TURNED[sign], trees[0])):
        if _name(name)[0] and not any(node.op == "symbol" for node in bound.walk()):
            return _half_line(_name(name)[0], sign_of_name, bound)
    return Relation(trees[0], sign, trees[1])


def _named(name: str, side: list[Token], value):
    if not isinstance(value, Quantity):
        raise Unreadable("a named value that is none")
    return Relation(parse(side), "=", value.parts[0][0], (name, ""))


def _value(tokens: list[Token]) -> Node:
    answer = _quantity(tokens)
    if len(answer.parts) != 1:
        raise Unreadable("several quantities on a side")
    return answer.parts[0][0]


def _values(tokens: list[Token]) -> list[Node]:
    try:
        tree = parse(tokens)
    except Unreadable:
        return []
    return _signs_chosen(tree)


def _outside(tokens: list[Token]):
    depth = 0
    for token in tokens:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if depth == 0:
            yield token


def _name(tokens: list[Token]) -> tuple[str, str]:
    """("x", ""), ("f", "x") for f(x), ("a_n", ""): the side of an equation that only names; else ("", "")."""
    if not tokens or tokens[0].kind not in ("letter", "command"):
        return "", ""
    if all(token.kind == "letter" and token.text.isupper() for token in tokens):
        return "".join(token.text for token in tokens), ""  # the segment AB
    head, argument = tokens, []
    if [t.text for t in tokens[-1:]] == [")"] and len(tokens) > 3 and tokens[-3].text == "(":
        head, argument = tokens[:-3], tokens[-2:-1]
        if argument[0].kind != "letter":
            return "", ""
    try:
        tree = parse(head)
    except Unreadable:
        return "", ""
    if tree.op != "symbol":
        return "", ""
    return tree.value, argument[0].text if argument else ""


def _half_line(variable: str, sign: str, bound: Node) -> Region:
    infinity = Node("constant", value="inf")
    lowest = Node("negative", (infinity,))
    if sign == r"\ne":
        return Region(((lowest, False, bound, False), (bound, False, infinity, False)), variable)
    closed = sign in (r"\le", r"\ge")
    if sign in ("<", r"\le"):
        return Region(((lowest, False, bound, closed),), variable)
    return Region(((bound, closed, infinity, False),), variable)


def _between(sides: list[list[Token]], signs: list[str]) -> Region:
    """1 < x <= 2, or the same from right to left."""
    variable = _name(sides[1])[0]
    up, down = {"<", r"\le"}, {">", r"\ge"}
    if not variable or not (set(signs) <= up or set(signs) <= down):
        raise Unreadable("a chain of relations")
    low, high = parse(sides[0]), parse(sides[2])
    closed = [sign in (r"\le", r"\ge") for sign in signs]
    if set(signs) <= down:
        low, high, closed = high, low, closed[::-1]
    return Region(((low, closed[0], high, closed[1]),), variable)


def _as_region(answer) -> Region:
    """An interval that was read as a pair, or a point that was read as a set of one."""
    if isinstance(answer, Region):
        return answer
    if isinstance(answer, Items) and answer.braces:
        trees = [part.parts[0][0] for part in answer.parts if isinstance(part, Quantity)]
        if len(trees) == len(answer.parts):
            return Region(tuple((tree, True, tree, True) for tree in trees))
    if isinstance(answer, Tuple) and len(answer.parts) == 2:
        low, high = answer.parts
        if isinstance(low, Quantity) and isinstance(high, Quantity):
            closed = [bracket in "[]" for bracket in answer.brackets]
            return Region(((low.parts[0][0], closed[0], high.parts[0][0], closed[1]),))
    raise Unreadable("no interval")


def _quantity(tokens: list[Token]):
    """An expression with the unit behind it or the currency before it; several of them in a row."""
    money, tokens = _currency(tokens)
    parts, words = [], []
    while tokens:
        first_word = next((n for n, t in enumerate(tokens) if t.kind == "word"), len(tokens))
        # the exponent of a unit belongs to the unit: cm^2
        behind = first_word
        while behind < len(tokens) and _in_unit(tokens, behind):
            behind += 1
        tree = parse(tokens[:first_word])
        unit, spoken = _unit(tokens[first_word:behind], tree)
        if unit is not None and tree.op == "degree":
            tree = tree.args[0]
        parts.append((tree, unit))
        words += spoken
        tokens = tokens[behind:]
        if tokens and tokens[0].text == "and":
            tokens = tokens[1:]
    if money is not None:
        if len(parts) != 1 or parts[0][1] not in (None, money):
            raise Unreadable("two units")
        parts = [(parts[0][0], money)]
    parts = [_degrees(*part) for part in parts]
    if len(parts) > 1 and (None in [u for _, u in parts] or len({u.dimension for _, u in parts}) > 1):
        raise Unreadable("quantities of different kinds")
    if len(parts) == 1 and len(both := _signs_chosen(parts[0][0])) > 1:
        return Items(tuple(Quantity(((tree, parts[0][1]),)) for tree in both))
    return Quantity(tuple(parts), tuple(words))


def _degrees(tree: Node, unit: Unit | None) -> tuple[Node, Unit | None]:
    return (tree.args[0], units.find(["degree"])) if tree.op == "degree" and unit is None else (tree, unit)


def _in_unit(tokens: list[Token], place: int) -> bool:
    token = tokens[place]
    if token.kind == "word" and token.text != "and":
        return True
    if token.text in ("^", "/", "{", "}") or token.text == ".":
        return True
    return token.kind == "number" and tokens[place - 1].text in ("^", "{")


def _currency(tokens: list[Token]) -> tuple[Unit | None, list[Token]]:
    for place, token in enumerate(tokens[:2]):
        if token.kind == "currency" and (place == 0 or tokens[0].text == "-"):
            return units.find([token.text]), tokens[:place] + tokens[place + 1 :]
    return None, tokens


def _unit(tokens: list[Token], tree: Node) -> tuple[Unit | None, list[str]]:
    """The unit that the tokens behind an expression name; words that name none are a unit of their own."""
    if not tokens:
        return None, []
    words = ["per" if t.text == "/" else t.text for t in tokens if t.text not in ("^", "{", "}", ".")]
    powers = [token for token in tokens if token.kind == "number"]
    names = [word for word in words if not word.isdigit()]
    if len(powers) > 1:
        raise Unreadable("two exponents")
    if tree.op == "degree" and names[0].lower() in ("c", "f"):
        names = [{"c": "celsius", "f": "fahrenheit"}[names[0].lower()]]
    unit = units.find(names, int(powers[0].text) if powers else 1)
    return unit or Unit("words " + " ".join(words).casefold()), names


def _signs_chosen(tree: Node) -> list[Node]:
    r"""[a + b, a - b] for a \pm b, and [tree] where there is no such sign. Signs are chosen together."""
    if not any(node.op == "plus_minus" for node in tree.walk()):
        return [tree]
    return [_with_sign(tree, sign) for sign in (r"\pm", r"\mp")]


def _with_sign(tree: Node, positive: str) -> Node:
    args = tuple(_with_sign(arg, positive) for arg in tree.args)
    if tree.op == "plus_minus":
        return args[0] if tree.form == positive else Node("negative", args)
    return Node(tree.op, args, tree.value, tree.form)


def _text(plain: str, tokens: list[Token]) -> Text | Raw:
    """Words, where nothing but words, numbers and punctuation stands there."""
    words = []
    for token in tokens:
        if token.kind in ("word", "letter", "number"):
            words.append(token.text.casefold())
        elif token.text not in set(",.;:()'-!?") | {r"\{", r"\}"}:
            return Raw(flat(plain))
    if not any(token.kind == "word" for token in tokens):
        return Raw(flat(plain))
    return Text(tuple(word for word in words if word not in _ARTICLES))
