r"""Whether a stated answer is the reference answer: one rule for each kind of reference answer.

    reference           accepted for it
    Quantity 5          5, x = 5, \{5\}; with a unit: none, the same, or one that converts (50 mm: 5 cm)
    Ratio 3:4           each multiple of it, 3/4; and 3:4 where the reference is the fraction
    Relation x = 5      5, x = 5 (not y = 5);  f(x) = 2x: 2x, f(y) = 2y, not f'(x) = 2x
    Relation x + y = 5  the same equation, up to a factor and the order of its sides
    Region (1, 2)       1 < x < 2, not [1, 2]
    Items 1, 2          the same in any order; named ones (a = 1, b = 2) by name or in this order
    Tuple (1, 2)        the same in this order, x = 1, y = 2
    Choice, Time, Based, Matrix, Text   the same, a choice also by its value

Numbers are equal when their values are: nothing is rounded. A percentage is a number: 50\% is 0.5 and
not 50. What a stated number leaves to be computed must be left in the reference answer too
(score.mathematics.forms). The rules themselves: value_rules.py and list_rules.py.
"""

from threading import RLock

from score.mathematics import list_rules, value_rules  # noqa: F401  they enter their rules in the table
from score.mathematics.answers import Raw
from score.mathematics.notation import normalise
from score.mathematics.reading import flat, read
from score.mathematics.rules import same
from score.mathematics.tree import LENGTH_LIMIT, Unreadable
from score.mathematics.whole_text import spoken

_PRECISION = RLock()  # mpmath's precision is that of the process


def is_right(stated: str, reference: str) -> bool:
    """Whether the text `stated` states the answer `reference`. It takes milliseconds."""
    with _PRECISION:
        return _is_right(stated, reference)


def _is_right(stated: str, reference: str) -> bool:
    if max(len(stated), len(reference)) > LENGTH_LIMIT:
        return "".join(stated.split()) == "".join(reference.split())
    gold = read(reference)
    if gold is None:
        return False
    plain, gold_plain = normalise(stated), normalise(reference)
    if flat(plain) == flat(gold_plain) or (spoken(plain) == spoken(gold_plain) is not None):
        return True
    answer = read(stated)
    if answer is None or isinstance(answer, Raw) or isinstance(gold, Raw):
        return False
    try:
        return same(answer, gold)
    except (Unreadable, RecursionError):
        return False
