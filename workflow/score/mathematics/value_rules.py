"""Rules for one value: a quantity, an equation, a ratio, a choice, words."""

from fractions import Fraction

from score.mathematics import units
from score.mathematics.answers import (
    Based,
    Choice,
    Items,
    Quantity,
    Ratio,
    Relation,
    Text,
    Time,
)
from score.mathematics.exact import exact
from score.mathematics.forms import left_to_do
from score.mathematics.relations import TURNED
from score.mathematics.rules import rule_for, same, same_expression
from score.mathematics.tree import Node, number, renamed, symbols
from score.mathematics.values import constant_ratio, equal


@rule_for(Quantity)
def _quantity(answer, gold: Quantity) -> bool:
    if isinstance(answer, Relation) and not symbols(_difference(answer)):  # 0.07 = 7\\%
        right = Quantity(((answer.right, None),))
        if not (equal(answer.left, answer.right) and same(right, gold)):
            return False
        return not left_to_do(answer.left) | left_to_do(answer.right)
    if isinstance(answer, Relation):
        bare = len(gold.parts) == 1 and gold.parts[0][0].op != "symbol"
        return bool(answer.name[0]) and bare and same_expression(answer.right, gold.parts[0][0])
    if isinstance(answer, Items) and answer.braces and len(answer.parts) == 1:
        return same(answer.parts[0], gold)
    if isinstance(answer, Choice) and answer.value is not None:
        return same(answer.value, gold)
    if isinstance(answer, Choice):
        return _as_letter(gold) == answer.letter
    if isinstance(answer, Ratio) and len(answer.parts) == 2 and len(gold.parts) == 1:
        tree, unit = gold.parts[0]
        finished = not any(map(left_to_do, answer.parts))
        return unit is None and tree.op == "divide" and finished and equal(_quotient(answer), tree)
    if isinstance(answer, Based):
        return False
    if not isinstance(answer, Quantity):
        return False
    if len(answer.parts) == 1 == len(gold.parts):
        return _one_quantity(*answer.parts[0], *gold.parts[0])
    finished = _left(*(tree for tree, _ in answer.parts)) <= _left(
        *(tree for tree, _ in gold.parts)
    )
    return finished and _total(answer) == _total(gold) is not None


def _one_quantity(stated: Node, unit, gold: Node, gold_unit) -> bool:
    if unit is None and gold_unit is not None and stated.form == "juxtaposed":  # 5m for 5 m
        value, letter = stated.args
        if letter.op == "symbol" and units.find([letter.name]) == gold_unit:
            return same_expression(value, gold)
    if unit is None or unit == gold_unit:
        return same_expression(stated, gold)
    if gold_unit is None:
        return not unit.dimension.startswith("words ") and same_expression(stated, gold)
    if unit.dimension != gold_unit.dimension:
        return False
    factor = number(unit.factor / gold_unit.factor)
    return equal(Node("multiply", (factor, stated)), gold) and not left_to_do(stated) - left_to_do(
        gold
    )


def _left(*trees: Node) -> frozenset[str]:
    """What several expressions leave to be done together."""
    return frozenset().union(*map(left_to_do, trees))


def _total(quantity: Quantity) -> tuple[str, Fraction] | None:
    """Dimension and value of a quantity in several units."""
    total, dimension = Fraction(0), ""
    for tree, unit in quantity.parts[::-1]:
        value = exact(tree)
        if unit is None or value is None:
            return None
        total, dimension = total + value * unit.factor, unit.dimension
    return dimension, total


def _as_letter(quantity: Quantity) -> str | None:
    tree, unit = quantity.parts[0]
    single = len(quantity.parts) == 1 and unit is None and tree.op in ("symbol", "constant")
    return tree.name.upper() if single and tree.name.isupper() else None


def _quotient(ratio: Ratio) -> Node:
    return Node("divide", ratio.parts, form="/")


@rule_for(Relation)
def _relation(answer, gold: Relation) -> bool:
    if gold.sign != "=":
        return isinstance(answer, Relation) and _inequality(answer, gold)
    if isinstance(answer, Quantity) and len(answer.parts) == 1:
        tree = answer.parts[0][0]
        if not symbols(_difference(gold)):  # 0.56 = 56\%
            return same_expression(tree, gold.left) or same_expression(tree, gold.right)
        return bool(gold.name[0]) and same_expression(tree, gold.right)
    if not isinstance(answer, Relation) or answer.sign != "=":
        return False
    if gold.name[0] and answer.name[0]:
        if (answer.name[0], bool(answer.name[1])) != (gold.name[0], bool(gold.name[1])):
            return False
        right = renamed(answer.right, answer.name[1], gold.name[1])
        return same_expression(right, gold.right)
    if gold.name[0] and not symbols(gold.right):
        return False  # x = 5 is not answered by 2x = 10
    return _proportional(answer, gold)


def _difference(relation: Relation) -> Node:
    return Node("add", (relation.left, Node("negative", (relation.right,))))


def _proportional(answer: Relation, gold: Relation) -> bool:
    """One equation: the differences of their sides are one up to a factor that is not 0."""
    return _finished(answer, gold) and _ratio_of(answer, gold) is not None


def _finished(answer: Relation, gold: Relation) -> bool:
    """Whether the sides of a relation leave nothing to be done that those of the other do not."""
    return _left(answer.left, answer.right) <= _left(gold.left, gold.right)


def _ratio_of(answer: Relation, gold: Relation):
    return constant_ratio(_difference(answer), _difference(gold))


def _inequality(answer: Relation, gold: Relation) -> bool:
    ratio = _ratio_of(answer, gold)
    if ratio is None or not _finished(answer, gold):
        return False
    return answer.sign == (gold.sign if ratio > 0 else TURNED.get(gold.sign))


@rule_for(Ratio)
def _ratio(answer, gold: Ratio) -> bool:
    if isinstance(answer, Quantity) and len(gold.parts) == 2 and len(answer.parts) == 1:
        return answer.parts[0][1] is None and same_expression(answer.parts[0][0], _quotient(gold))
    if not isinstance(answer, Ratio) or len(answer.parts) != len(gold.parts):
        return False
    first = answer.parts[0], gold.parts[0]
    proportional = all(
        equal(Node("multiply", (one, first[1])), Node("multiply", (other, first[0])))
        for one, other in zip(answer.parts, gold.parts, strict=True)
    )
    if not proportional or equal(answer.parts[0], number(0)):
        return False
    return not any(map(left_to_do, answer.parts))


@rule_for(Choice)
def _choice(answer, gold: Choice) -> bool:
    if isinstance(answer, Choice):
        return answer.letter == gold.letter
    if (
        isinstance(answer, Quantity)
        and len(answer.parts) == 1
        and answer.parts[0][0].op in ("symbol", "constant")  # e and i are constants
    ):
        if answer.parts[0][0].name.upper() == gold.letter:
            return True
    return gold.value is not None and same(answer, gold.value)


@rule_for(Text)
def _text(answer, gold: Text) -> bool:
    if isinstance(answer, Text):
        return answer.words == gold.words
    return False


@rule_for(Time)
@rule_for(Based)
def _as_written(answer, gold: Time | Based) -> bool:
    return answer == gold
