r"""Whether a stated answer is the reference answer: one rule for each kind of reference answer.

    reference           accepted for it
    Quantity 5          5, x = 5, \{5\}; with a unit: none, the same, or one that converts (50 mm: 5 cm)
    Quantity 3:4, 3/4   the other, and each multiple of a ratio
    Relation x = 5      5, x = 5 (not y = 5);  f(x) = 2x: 2x, f(y) = 2y, not f'(x) = 2x
    Relation x + y = 5  the same equation, up to a factor and the order of its sides
    Region (1, 2)       1 < x < 2, not [1, 2]
    Items 1, 2          the same in any order; named ones (a = 1, b = 2) by name or in this order
    Tuple (1, 2)        the same in this order, x = 1, y = 2
    Choice, Time, Based, Matrix, Text   the same, a choice also by its value

Numbers are equal when their values are: nothing is rounded. A percentage is a number: 50\% is 0.5 and
not 50. What a stated number leaves to be computed must be left in the reference answer too
(score.mathematics.forms).
"""

from fractions import Fraction

from score.mathematics.answers import (
    Based,
    Choice,
    Items,
    Matrix,
    Quantity,
    Ratio,
    Raw,
    Region,
    Relation,
    Text,
    Time,
    Tuple,
)
from score.mathematics.forms import left_to_do
from score.mathematics.notation import normalise
from score.mathematics.reading import flat, read
from score.mathematics.relations import TURNED, as_region
from score.mathematics.tree import LENGTH_LIMIT, Node, Unreadable, number, symbols
from score.mathematics.values import constant_ratio, equal, exact


def is_right(stated: str, reference: str) -> bool:
    """Whether the text `stated` states the answer `reference`. It takes milliseconds."""
    if max(len(stated), len(reference)) > LENGTH_LIMIT:
        return "".join(stated.split()) == "".join(reference.split())
    gold = read(reference)
    if gold is None:
        return False
    if flat(normalise(stated)) == flat(normalise(reference)):
        return True
    answer = read(stated)
    if answer is None or isinstance(answer, Raw) or isinstance(gold, Raw):
        return False
    try:
        return same(answer, gold)
    except (Unreadable, RecursionError):
        return False


def same(answer, gold) -> bool:
    """Whether two typed answers are one; Unreadable where that can't be said."""
    if answer is None or gold is None:  # an ellipsis in a list
        return answer is gold
    return _RULES[type(gold)](answer, gold)


def _expression(stated: Node, gold: Node) -> bool:
    """Equal in value, of the same variables, and as far computed as the reference is."""
    if bool(symbols(stated)) > bool(symbols(gold)):
        return False
    return equal(stated, gold) and left_to_do(stated) <= left_to_do(gold)


def _quantity(answer, gold: Quantity) -> bool:
    if isinstance(answer, Relation):
        bare = len(gold.parts) == 1 and gold.parts[0][0].op != "symbol"
        return bool(answer.name[0]) and bare and _expression(answer.right, gold.parts[0][0])
    if isinstance(answer, Items) and answer.braces and len(answer.parts) == 1:
        return same(answer.parts[0], gold)
    if isinstance(answer, Choice) and answer.value is not None:
        return same(answer.value, gold)
    if isinstance(answer, Choice):
        return _as_letter(gold) == answer.letter
    if isinstance(answer, Ratio) and len(answer.parts) == 2 and len(gold.parts) == 1:
        return gold.parts[0][1] is None and equal(_quotient(answer), gold.parts[0][0])
    if isinstance(answer, Based):
        return False
    if not isinstance(answer, Quantity):
        return False
    if len(answer.parts) == 1 == len(gold.parts):
        return _one_quantity(*answer.parts[0], *gold.parts[0])
    return _total(answer) == _total(gold) is not None


def _one_quantity(stated: Node, unit, gold: Node, gold_unit) -> bool:
    if unit is None or unit == gold_unit:
        return _expression(stated, gold)
    if gold_unit is None:
        return not unit.dimension.startswith("words ") and _expression(stated, gold)
    if unit.dimension != gold_unit.dimension:
        return False
    factor = number(unit.factor / gold_unit.factor)
    return equal(Node("multiply", (factor, stated)), gold) and not left_to_do(stated) - left_to_do(
        gold
    )


def _total(quantity: Quantity) -> tuple[str, Fraction] | None:
    """Dimension and value of a quantity in several units."""
    total = Fraction(0)
    for tree, unit in quantity.parts:
        value = exact(tree)
        if unit is None or value is None:
            return None
        total += value * unit.factor
    return quantity.parts[0][1].dimension, total


def _as_letter(quantity: Quantity) -> str | None:
    tree, unit = quantity.parts[0]
    single = len(quantity.parts) == 1 and unit is None and tree.op in ("symbol", "constant")
    return tree.value.upper() if single and tree.value.isupper() else None


def _quotient(ratio: Ratio) -> Node:
    return Node("divide", ratio.parts, form="/")


def _relation(answer, gold: Relation) -> bool:
    if gold.sign != "=":
        return isinstance(answer, Relation) and _inequality(answer, gold)
    if isinstance(answer, Quantity) and len(answer.parts) == 1:
        tree = answer.parts[0][0]
        if not symbols(_difference(gold)):  # 0.56 = 56\%
            return _expression(tree, gold.left) or _expression(tree, gold.right)
        return bool(gold.name[0]) and _expression(tree, gold.right)
    if not isinstance(answer, Relation) or answer.sign != "=":
        return False
    if gold.name[0] and answer.name[0]:
        if (answer.name[0], bool(answer.name[1])) != (gold.name[0], bool(gold.name[1])):
            return False
        right = _renamed(answer.right, answer.name[1], gold.name[1])
        return _expression(right, gold.right)
    return bool(gold.name[0]) == bool(answer.name[0]) and _proportional(answer, gold)


def _renamed(tree: Node, old: str, new: str) -> Node:
    if tree.op == "symbol" and tree.value == old and old:
        return Node("symbol", value=new)
    args = tuple(_renamed(arg, old, new) for arg in tree.args)
    return Node(tree.op, args, tree.value, tree.form)


def _difference(relation: Relation) -> Node:
    return Node("add", (relation.left, Node("negative", (relation.right,))))


def _proportional(answer: Relation, gold: Relation) -> bool:
    """One equation: the differences of their sides are one up to a factor that is not 0."""
    return constant_ratio(_difference(answer), _difference(gold)) is not None


def _inequality(answer: Relation, gold: Relation) -> bool:
    ratio = constant_ratio(_difference(answer), _difference(gold))
    if ratio is None:
        return False
    return answer.sign == (gold.sign if ratio > 0 else TURNED.get(gold.sign))


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
    return closed and _expression(answer[0], gold[0]) and _expression(answer[2], gold[2])


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


def _items(answer, gold: Items) -> bool:
    gold = _values(gold)
    named = _named_parts(gold)
    if isinstance(answer, Tuple):
        # a pair is no list of two roots, but it may state named values in their order
        return named is not None and _in_order(answer.parts, _bare(named))
    if isinstance(answer, Region):
        points = all(_expression(low, high) for low, _, high, _ in answer.parts)
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
            _expression(dict(stated)[name], value) for name, value in named
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


def _tuple(answer, gold: Tuple) -> bool:
    if isinstance(answer, Region) and len(gold.parts) == 2:
        return _region(answer, as_region(gold))
    if isinstance(answer, Items) and not answer.braces:
        named = _named_parts(answer)
        if named is not None:
            return len(dict(named)) == len(named) and _in_order(_bare(sorted(named)), gold.parts)
        return _in_order(answer.parts, gold.parts)
    same_brackets = isinstance(answer, Tuple) and answer.brackets == gold.brackets
    return same_brackets and _in_order(answer.parts, gold.parts)


def _ratio(answer, gold: Ratio) -> bool:
    if isinstance(answer, Quantity) and len(gold.parts) == 2 and len(answer.parts) == 1:
        return answer.parts[0][1] is None and _expression(answer.parts[0][0], _quotient(gold))
    if not isinstance(answer, Ratio) or len(answer.parts) != len(gold.parts):
        return False
    first = answer.parts[0], gold.parts[0]
    return all(
        equal(Node("multiply", (one, first[1])), Node("multiply", (other, first[0])))
        for one, other in zip(answer.parts, gold.parts, strict=True)
    ) and not any(equal(part, number(0)) for part in answer.parts[:1])


def _matrix(answer, gold: Matrix) -> bool:
    if not isinstance(answer, Matrix) or [*map(len, answer.rows)] != [*map(len, gold.rows)]:
        return False
    return all(
        _expression(*cells)
        for rows in zip(answer.rows, gold.rows, strict=True)
        for cells in zip(*rows, strict=True)
    )


def _choice(answer, gold: Choice) -> bool:
    if isinstance(answer, Choice):
        return answer.letter == gold.letter
    if (
        isinstance(answer, Quantity)
        and len(answer.parts) == 1
        and answer.parts[0][0].op == "symbol"
    ):
        if answer.parts[0][0].value.upper() == gold.letter:
            return True
    return gold.value is not None and same(answer, gold.value)


def _text(answer, gold: Text) -> bool:
    if isinstance(answer, Text):
        return answer.words == gold.words
    return False


_RULES = {
    Quantity: _quantity,
    Relation: _relation,
    Region: _region,
    Items: _items,
    Tuple: _tuple,
    Ratio: _ratio,
    Matrix: _matrix,
    Choice: _choice,
    Text: _text,
    Time: lambda answer, gold: answer == gold,
    Based: lambda answer, gold: answer == gold,
}
