"""Expressions as trees, and the error of a text that is none."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

LENGTH_LIMIT = 2000  # characters of one answer; a longer one equals nothing but itself
SIZE_LIMIT = 600  # tokens of one answer
DEPTH_LIMIT = 60  # brackets inside brackets


class Unreadable(ValueError):
    """The text is no answer of the kind that was looked for. It is never seen by a user."""


@dataclass(frozen=True)
class Node:
    """An operation and what it is applied to.

    op: number, symbol, constant, or the name of an operation (see score.mathematics.values).
    value: of a number its Fraction, of a symbol or constant its name.
    form: how it is written: of a number integer, decimal, repeating, scientific or mixed; of a
    product juxtaposed, or the sign that was written.
    """

    op: str
    args: tuple["Node", ...] = ()
    value: Fraction | str | None = None
    form: str = field(default="", compare=False)

    @property
    def fraction(self) -> Fraction:
        """The value of a number."""
        assert isinstance(self.value, Fraction)
        return self.value

    @property
    def name(self) -> str:
        """The name of a symbol or a constant."""
        assert isinstance(self.value, str)
        return self.value

    def walk(self) -> Iterator["Node"]:
        """This node and all below it."""
        yield self
        for arg in self.args:
            yield from arg.walk()


def number(value, form: str = "integer") -> Node:
    return Node("number", value=Fraction(value), form=form)


def symbols(tree: Node) -> frozenset[str]:
    """Names of the variables in a tree."""
    return frozenset(node.name for node in tree.walk() if node.op == "symbol")


def renamed(tree: Node, old: str, new: str) -> Node:
    """The tree with another name for a variable; the same where there is none of the old name."""
    if tree.op == "symbol" and tree.value == old:
        return Node("symbol", value=new)
    args = tuple(renamed(arg, old, new) for arg in tree.args)
    return Node(tree.op, args, tree.value, tree.form)
