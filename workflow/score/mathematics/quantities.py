"""Quantities: an expression with its unit or currency, or several in a row (3 hours 20 minutes)."""

from score.mathematics import units
from score.mathematics.answers import Items, Quantity
from score.mathematics.parser import parse
from score.mathematics.tokens import Token
from score.mathematics.tree import Node, Unreadable, number
from score.mathematics.units import Unit

_SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_SCALES |= {"trillion": 10**12}


def quantity(tokens: list[Token]):
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
        if first_word < len(tokens) and tokens[first_word].text in _SCALES and tree.op == "number":
            tree = number(tree.fraction * _SCALES[tokens[first_word].text], tree.form)
            first_word += 1
        unit, spoken = _unit(tokens[first_word:behind], tree)
        if unit is not None and tree.op == "degree":
            tree = tree.args[0]
        parts.append((tree, unit))
        words += spoken
        tokens = tokens[behind:]
        if tokens and tokens[0].text == "and":
            tokens = tokens[1:]
    if money is not None:
        if words[:1] == ["per"]:  # $5 per hour
            money = Unit(f"{money.dimension} per {' '.join(words[1:])}", money.factor)
        elif len(parts) != 1 or parts[0][1] not in (None, money):
            raise Unreadable("two units")
        parts = [(parts[0][0], money)]
    parts = [_degrees(*part) for part in parts]
    dimensions = {None if unit is None else unit.dimension for _, unit in parts}
    if len(parts) > 1 and (None in dimensions or len(dimensions) > 1):
        raise Unreadable("quantities of different kinds")
    if len(parts) == 1 and len(both := signs_chosen(parts[0][0])) > 1:
        return Items(tuple(Quantity(((tree, parts[0][1]),)) for tree in both))
    return Quantity(tuple(parts))


def _degrees(tree: Node, unit: Unit | None) -> tuple[Node, Unit | None]:
    return (
        (tree.args[0], units.find(["degree"]))
        if tree.op == "degree" and unit is None
        else (tree, unit)
    )


def _in_unit(tokens: list[Token], place: int) -> bool:
    token = tokens[place]
    if token.kind == "word" and token.text != "and":
        return True
    if token.text in ("^", "/", "{", "}", ".", "-"):
        return True
    return token.kind == "number" and tokens[place - 1].text in ("^", "{")


def _currency(tokens: list[Token]) -> tuple[Unit | None, list[Token]]:
    if tokens and tokens[-1].kind == "currency":
        return units.find([tokens[-1].text]), tokens[:-1]
    for place, token in enumerate(tokens[:2]):
        if token.kind == "currency" and (place == 0 or tokens[0].text == "-"):
            return units.find([token.text]), tokens[:place] + tokens[place + 1 :]
    return None, tokens


def _unit(tokens: list[Token], tree: Node) -> tuple[Unit | None, list[str]]:
    """The unit behind an expression, and its words; words that name none are a unit of their own."""
    if not tokens:
        return None, []
    words = [
        "per" if t.text == "/" else t.text
        for t in tokens
        if t.text not in ("^", "{", "}", ".", "-")
    ]
    powers = [token for token in tokens if token.kind == "number"]
    names = [word for word in words if not word.isdigit()]
    if "of" in names:
        names = names[: names.index("of")]  # slices of pizza
    if names[1:] == ["old"]:
        names = names[:1]  # years old
    if len(powers) > 1 or not all(token.text.isdecimal() for token in powers):
        raise Unreadable("an exponent that is no whole number")
    if tree.op == "degree" and not names:  # 90° of rotation
        return None, []
    if tree.op == "degree" and names[0].lower() in ("c", "f"):
        names = [{"c": "celsius", "f": "fahrenheit"}[names[0].lower()]]
    unit = units.find(names, int(powers[0].text) if powers else 1)
    return unit or Unit("words " + " ".join(words).casefold()), names


def signs_chosen(tree: Node) -> list[Node]:
    r"""[a + b, a - b] for a \pm b, and [tree] where there is no such sign. Signs are chosen together."""
    if not any(node.op == "plus_minus" for node in tree.walk()):
        return [tree]
    return [_with_sign(tree, sign) for sign in (r"\pm", r"\mp")]


def _with_sign(tree: Node, positive: str) -> Node:
    args = tuple(_with_sign(arg, positive) for arg in tree.args)
    if tree.op == "plus_minus":
        return args[0] if tree.form == positive else Node("negative", args)
    return Node(tree.op, args, tree.value, tree.form)
