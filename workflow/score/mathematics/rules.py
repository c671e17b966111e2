"""The table of rules, by kind of reference answer, and what all rules share."""

from collections.abc import Callable

from score.mathematics.forms import left_to_do
from score.mathematics.tree import Node, renamed, symbols
from score.mathematics.values import equal

_RULES: dict[type, Callable] = {}


def rule_for(kind: type) -> Callable:
    """Decorates rule(answer, gold) -> bool, where gold is of this kind and answer of any."""

    def register(rule: Callable) -> Callable:
        _RULES[kind] = rule
        return rule

    return register


def same(answer, gold) -> bool:
    """Whether two typed answers are one; Unreadable where that can't be said."""
    if answer is None or gold is None:  # an ellipsis in a list
        return answer is gold
    return _RULES[type(gold)](answer, gold)


def same_expression(stated: Node, gold: Node) -> bool:
    """Equal in value, of the same variables, and as far computed as the reference is."""
    names, gold_names = symbols(stated), symbols(gold)
    if bool(names) > bool(gold_names):
        return False
    others = names - gold_names
    if gold_names - names == {"C"} and len(others) == 1 and others <= {"c", "K", "k"}:
        (other,) = others
        stated = renamed(stated, other, "C")  # a constant of integration has no name of its own
    return equal(stated, gold) and left_to_do(stated) <= left_to_do(gold)
