"""Equations, inequalities and membership: what two sides and a sign between them say."""

from collections.abc import Callable
from itertools import pairwise

from score.mathematics.answers import Items, Quantity, Region, Relation, Tuple
from score.mathematics.exact import exact
from score.mathematics.parser import parse
from score.mathematics.quantities import quantity, signs_chosen
from score.mathematics.tokens import Token, outside, split
from score.mathematics.tree import Node, Unreadable, number

# Coordinates that are not told in the order of the alphabet.
_IN_ORDER = {("r", r"\theta"), ("r", r"\theta", "z"), (r"\rho", r"\theta", r"\phi"), ("m", "b")}
SIGNS = {"=", "<", ">", r"\le", r"\ge", r"\ne", r"\in"}
_INVERSE = Node("power", (Node("symbol", value="f"), Node("negative", (number(1),))))
TURNED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le", "=": "=", r"\ne": r"\ne"}


def related(tokens: list[Token], sides: list[list[Token]], read: Callable):
    """The relation between sides. read: reads the tokens of a set; Unreadable for a longer chain."""
    signs = [t.text for t in outside(tokens) if t.text in SIGNS]
    if signs == [r"\in"]:
        inside = read(sides[1])
        if sides[0] and sides[0][0].text == "(":  # (x, y) \in \{(1, 2), (2, 1)\}
            return inside
        name = _name(sides[0])[0]
        if isinstance(inside, Items):
            return Items(tuple(_named(name, sides[0], part) for part in inside.parts))
        return Region(as_region(inside).parts, name)
    if len(signs) == 2 and not set(signs) & {"=", r"\ne", r"\in"}:
        return _between(sides, signs)
    if len(signs) != 1:
        raise Unreadable("a chain of relations")
    sign, (left, right) = signs[0], sides
    if sign == "=":
        named_last = not _name(left)[0] and _name(right)[0]  # 5 = x
        named, value = (right, left) if named_last else (left, right)
        return _point(left, right, read) or _equation(named, value, read)
    if absolute := _absolute(left, sign, right):
        return absolute
    trees = parse(left), parse(right)
    for side, sign_of_name, bound in ((left, sign, trees[1]), (right, TURNED[sign], trees[0])):
        if _name(side)[0] and not any(node.op == "symbol" for node in bound.walk()):
            return _half_line(_name(side)[0], sign_of_name, bound)
    return Relation(trees[0], sign, trees[1])


def _point(left: list[Token], right: list[Token], read: Callable) -> Tuple | None:
    """(3, -2) where the sides are (x, y) and (3, -2)."""
    bracketed = [token.text for token in (*left[:1], *left[-1:])] == ["(", ")"]
    parts = split(left[1:-1], {","})
    named = all(part and part[0].kind in ("letter", "command") for part in parts)
    indexed = all(token.text == "_" for part in parts for token in part[1:2])  # x_0
    if not bracketed or len(parts) < 2 or not named or not indexed:
        return None
    point = read(right)
    names = ["".join(token.text for token in part) for part in parts]
    in_order = names == sorted(names) or tuple(names) in _IN_ORDER
    same = isinstance(point, Tuple) and len(point.parts) == len(names)
    return point if same and in_order else None


def _equation(left: list[Token], right: list[Token], read: Callable):
    name, values = _name(left), _values(right)
    side = Node("symbol", value=name[0]) if name[0] else parse(left)
    if name[0] and len(values) > 1:  # x = 1 \pm 2
        return Items(tuple(Relation(side, "=", value, name) for value in values))
    if name[0] and not values:  # x = 5 cm and N = 43_5 state what is on the right
        return read(right)
    return Relation(side, "=", _value(right), name)


def _named(name: str, side: list[Token], value):
    if not isinstance(value, Quantity):
        raise Unreadable("a named value that is none")
    return Relation(parse(side), "=", value.parts[0][0], (name, ""))


def _value(tokens: list[Token]) -> Node:
    answer = quantity(tokens)
    if len(answer.parts) != 1:
        raise Unreadable("several quantities on a side")
    return answer.parts[0][0]


def _values(tokens: list[Token]) -> list[Node]:
    try:
        tree = parse(tokens)
    except Unreadable:
        return []
    return signs_chosen(tree)


def _name(tokens: list[Token]) -> tuple[str, str]:
    """What a side of an equation names: ("x", ""), ("a_n", ""), ("f", "x") for f(x); else ("", "")."""
    if len(tokens) == 1 and tokens[0].kind == "word":
        return tokens[0].text.casefold(), ""  # Area = 5
    angle = next((n for n, token in enumerate(tokens[:2]) if token.text == r"\angle"), None)
    if angle == 0 or (angle == 1 and tokens[0].text == "m"):
        return "".join(token.text for token in tokens[angle:]), ""  # m\angle ABC
    if [token.text for token in (*tokens[:1], *tokens[-1:])] == ["|", "|"]:
        tokens_inside = tokens[1:-1]
        letters = tokens_inside and all(token.kind == "letter" for token in tokens_inside)
        return ("".join(token.text for token in tokens), "") if letters else ("", "")  # |z|, |AB|
    if not tokens or tokens[0].kind not in ("letter", "command"):
        return "", ""
    if all(token.kind == "letter" and token.text.isupper() for token in tokens):
        return "".join(token.text for token in tokens), ""  # the segment AB
    head, argument = tokens, []
    if [t.text for t in tokens[-1:]] == [")"] and len(tokens) > 3 and tokens[-3].text == "(":
        head, argument = tokens[:-3], tokens[-2:-1]
        if argument[0].kind not in ("letter", "number"):
            return "", ""
    try:
        tree = parse(head)
    except Unreadable:
        return "", ""
    if tree == _INVERSE and argument:
        return "f^{-1}", argument[0].text
    if tree.op != "symbol":
        return "", ""
    return tree.name, argument[0].text if argument else ""


def _half_line(variable: str, sign: str, bound: Node) -> Region:
    infinity = Node("constant", value="inf")
    lowest = Node("negative", (infinity,))
    if sign == r"\ne":
        return Region(((lowest, False, bound, False), (bound, False, infinity, False)), variable)
    closed = sign in (r"\le", r"\ge")
    if sign in ("<", r"\le"):
        return Region(((lowest, False, bound, closed),), variable)
    return Region(((bound, closed, infinity, False),), variable)


def _absolute(left: list[Token], sign: str, right: list[Token]) -> Region | None:
    """|x| < 2 as -2 < x < 2, and |x| > 2 as x < -2 or x > 2."""
    if [t.text for t in (*left[:1], *left[2:])] != ["|", "|"] or sign == r"\ne":
        return None
    bound, name = parse(right), left[1].text
    negative = Node("negative", (bound,))
    if sign in ("<", r"\le"):
        return Region(((negative, sign == r"\le", bound, sign == r"\le"),), name)
    parts = _half_line(name, TURNED[sign], negative).parts + _half_line(name, sign, bound).parts
    return Region(parts, name)


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


def both(one: Region, other: Region) -> Region | None:
    """The numbers in two half lines that meet, x >= 2 and x <= 5; None where they are no such."""
    if one.variable != other.variable or len(one.parts) != 1 or len(other.parts) != 1:
        return None
    infinity = Node("constant", value="inf")
    up = [part for part in (*one.parts, *other.parts) if part[2] == infinity]
    down = [part for part in (*one.parts, *other.parts) if part[0] == Node("negative", (infinity,))]
    if len(up) != 1 or len(down) != 1:
        return None
    low, high = exact(up[0][0]), exact(down[0][2])
    if low is None or high is None or low >= high:
        return None
    return Region(((*up[0][:2], *down[0][2:]),), one.variable)


def without_points(points) -> Region:
    r"""The real numbers without a set of points: \mathbb{R} \setminus \{1, 2\}."""
    infinity = Node("constant", value="inf")
    if not isinstance(points, Items) or not points.braces:
        raise Unreadable("no set of points")
    found = [part.parts[0][0] for part in points.parts if isinstance(part, Quantity)]
    placed = [(value, tree) for tree in found if (value := exact(tree)) is not None]
    if len(placed) != len(points.parts):
        raise Unreadable("points that can't be put in order")
    in_order = [tree for _, tree in sorted(placed, key=lambda point: point[0])]
    ends = [Node("negative", (infinity,)), *in_order, infinity]
    return Region(tuple((low, False, high, False) for low, high in pairwise(ends)))


def as_region(answer) -> Region:
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
