"""Rules for several values: regions, lists and sets, tuples, matrices."""

from score.mathematics.answers import Items, Matrix, Quantity, Region, Relation, Text, Tuple
from score.mathematics.relations import as_region
from score.mathematics.rules import rule_for, same, same_expression
from score.mathematics.tree import Node


@rule_for(Region)
def _region(answer, gold: Region) -> bool:
    if isinstance(answer, Tuple) or (isinstance(answer, Items) and answer.braces):
        answer = as_region(answer)
    if not isinstance(answer, Region) or len(answer.parts) != len(gold.parts):
        return False
    if None not in (answer.variable, gold.variable) and answer.variable != gold.variable:
        return False
    left = list(answer.parts)
    for part in gold.parts:
        match = next((one for one in left if _same_part(one, part)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _same_part(answer: tuple, gold: tuple) -> bool:
    closed = (answer[1], answer[3]) == (gold[1], gold[3])
    return closed and same_expression(answer[0], gold[0]) and same_expression(answer[2], gold[2])


def _named_parts(items: Items) -> list[tuple[str, Node]] | None:
    """[(name, value)] where each part names its value."""
    if items.parts and all(isinstance(p, Relation) and p.name[0] for p in items.parts):
        return [(part.name[0], part.right) for part in items.parts]
    return None


def _values(items: Items) -> Items:
    """x = 1 or x = 2, and x = 1, 2, as 1, 2: one name for all of them."""
    names = {part.name for part in items.parts if isinstance(part, Relation) and part.name[0]}
    first_only = items.parts and isinstance(items.parts[0], Relation)
    plain = [not isinstance(part, Relation) for part in items.parts]
    if len(names) == 1 and (not any(plain) or (first_only and all(plain[1:]))):
        values = (
            Quantity(((p.right, None),)) if isinstance(p, Relation) else p for p in items.parts
        )
        return Items(tuple(values), items.braces)
    return items


@rule_for(Items)
def _items(answer, gold: Items) -> bool:
    gold = _values(gold)
    named = _named_parts(gold)
    if isinstance(answer, Tuple):
        # a pair is no list of two roots, but it may state named values in their order
        return named is not None and _in_order(answer.parts, _bare(named))
    if isinstance(answer, Region):
        points = all(same_expression(low, high) for low, _, high, _ in answer.parts)
        answer = (
            Items(tuple(Quantity(((low, None),)) for low, *_ in answer.parts)) if points else None
        )
    if not isinstance(answer, Items):
        return len(gold.parts) == 1 and answer is not None and same(answer, gold.parts[0])
    answer = _values(answer)
    if len(answer.parts) != len(gold.parts):
        return False
    if named is not None:
        stated = _named_parts(answer)
        if stated is None:
            return not answer.braces and _in_order(answer.parts, _bare(named))
        return sorted(n for n, _ in stated) == sorted(n for n, _ in named) and all(
            same_expression(dict(stated)[name], value) for name, value in named
        )
    if None in gold.parts or None in answer.parts or _are_words(gold):
        return _in_order(answer.parts, gold.parts)
    return _in_any_order(list(answer.parts), gold.parts)


def _are_words(items: Items) -> bool:
    return all(isinstance(part, Text) for part in items.parts)


def _bare(named: list[tuple[str, Node]]) -> list[Quantity]:
    return [Quantity(((value, None),)) for _, value in named]


def _in_order(answers, golds) -> bool:
    return len(answers) == len(golds) and all(map(same, answers, golds))


def _in_any_order(answers: list, golds) -> bool:
    for gold in golds:
        match = next((n for n, answer in enumerate(answers) if same(answer, gold)), None)
        if match is None:
            return False
        del answers[match]
    return True


@rule_for(Tuple)
def _tuple(answer, gold: Tuple) -> bool:
    if isinstance(answer, Region) and len(gold.parts) == 2:
        return _region(answer, as_region(gold))
    if isinstance(answer, Items) and not answer.braces:
        named = _named_parts(answer)
        if named is not None:
            return len(dict(named)) == len(named) and _in_order(_bare(sorted(named)), gold.parts)
        return (
            gold.brackets == "()"
            and not _is_unbounded(gold)
            and _in_order(answer.parts, gold.parts)
        )
    same_brackets = isinstance(answer, Tuple) and answer.brackets == gold.brackets
    return same_brackets and _in_order(answer.parts, gold.parts)


def _is_unbounded(gold: Tuple) -> bool:
    """Whether a pair can only be an interval: its brackets then count."""
    trees = [tree for part in gold.parts if isinstance(part, Quantity) for tree, _ in part.parts]
    return any(node.value == "inf" for tree in trees for node in tree.walk())


@rule_for(Matrix)
def _matrix(answer, gold: Matrix) -> bool:
    if not isinstance(answer, Matrix) or [*map(len, answer.rows)] != [*map(len, gold.rows)]:
        return False
    return all(
        same_expression(*cells)
        for rows in zip(answer.rows, gold.rows, strict=True)
        for cells in zip(*rows, strict=True)
    )
