"""How an expression is built, whatever the order and notation that it is written in."""

from score.mathematics.tree import Node, number

_EMPTY = {"add": 0, "multiply": 1}  # what a sum or a product is the same without
_ONE = number(1)
_HUNDREDTH = ("percent",)  # the shape of a factor
_CANCELS = {_HUNDREDTH: ("number", number(100).value)}


def shape(tree: Node) -> tuple:
    """Equal for two trees that differ in nothing but how they are written.

    That is the order of terms and factors, brackets, two signs that cancel, + 0, + 1 - 1, · 1, / 1, to
    the power of 1, and 100 times as many percent. Nothing is computed: 17 · 23 is 23 · 17, and
    (x + 1)(x + 2) is (2 + x)(1 + x) + 0, but neither is 391 or x² + 3x + 2.
    """
    tree = _bare(tree)
    op = "multiply" if tree.op == "percent" else tree.op
    if op not in _EMPTY:
        return tree.op, tree.value, *map(shape, tree.args)
    empty = shape(number(_EMPTY[op]))
    parts = [part for part in _parts(tree, op) if part != empty]
    for part in parts.copy():
        opposite = ("negative", None, part) if op == "add" else _CANCELS.get(part)
        if part in parts and opposite in parts:
            parts.remove(part)
            parts.remove(opposite)
    if len(parts) < 2:
        return parts[0] if parts else empty
    return op, *sorted(parts, key=repr)


def _bare(tree: Node) -> Node:
    """The tree without what changes nothing around it: / 1, to the power of 1, and two signs."""
    while True:
        if tree.op in ("divide", "power") and tree.args[1] == _ONE:
            tree = tree.args[0]
        elif tree.op == "negative" and tree.args[0].op == "negative":
            tree = tree.args[0].args[0]
        else:
            return tree


def _parts(tree: Node, op: str) -> list[tuple]:
    """The shapes of the terms of a sum or the factors of a product."""
    tree = _bare(tree)
    if tree.op == "percent" and op == "multiply":
        return [*_parts(tree.args[0], op), _HUNDREDTH]
    if tree.op != op:
        return [shape(tree)]
    return [part for arg in tree.args for part in _parts(arg, op)]
