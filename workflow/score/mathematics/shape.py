"""How an expression is built, whatever the order and notation that it is written in."""

from score.mathematics.tree import Node, number

_EMPTY = {"add": 0, "multiply": 1}  # what a sum or a product is the same without


def shape(tree: Node) -> tuple:
    """Equal for two trees that differ in the order of terms and factors, in brackets, + 0 and · 1 alone.

    Nothing is computed: 17 · 23 is 23 · 17, and (x + 1)(x + 2) is (2 + x)(1 + x) + 0, but neither is
    391 or x² + 3x + 2.
    """
    if tree.op not in _EMPTY:
        return tree.op, tree.value, *map(shape, tree.args)
    empty = shape(number(_EMPTY[tree.op]))
    parts = [part for part in _parts(tree, tree.op) if part != empty]
    return parts[0] if len(parts) == 1 else (tree.op, *sorted(parts, key=repr))


def _parts(tree: Node, op: str) -> list[tuple]:
    """The shapes of the terms of a sum or the factors of a product."""
    if tree.op != op:
        return [shape(tree)]
    return [part for arg in tree.args for part in _parts(arg, op)]
