r"""Which expressions are answers, and which are computations that are still to be done.

A problem that asks for 17 \cdot 23 is not answered by "17 \cdot 23". So what a stated answer leaves to
be done must be left in the reference answer too; `left_to_do` names it.

    left to do  examples                              finished
    sum         1+2  \frac12+\frac13  2\pi+3\pi       1+\sqrt2   2\pi+1   3+4i
    product     17\cdot23  6\div2  (\frac23)(\frac35) \frac{36}{54}  22/7  2\frac12  4\cdot10^{33}  3(5)
                17(23)  \frac{120}4
                \sqrt2\cdot\sqrt3  (1+i)(2-i)          2\sqrt3  \frac1{\sqrt3}  \frac{3\pi}4  2(1+\sqrt3)
    power       2^{10}  (1+\sqrt2)^2  81^{3/4}  i^3   10^{-8}  12^{1/7}  e^2  \pi^2
    root        \sqrt{81}  \sqrt[3]{\frac18}  \sqrt{-4} \sqrt{12} for 2\sqrt3
    function    \log_28  \sin30^\circ  |-5|           \log_29  \cos15^\circ
                \sin10^\circ+\sin50^\circ
    and always  5!  \binom52  \lfloor\frac72\rfloor  \max(3,7)  \gcd(4,6)

So any decimal, fraction (in lowest terms or not, unless it is whole), percentage, mixed or scientific
number is finished, and an irrational number in any of its usual forms; a root or function whose value is
rational is not. Two digits side by side, 3(5), are read as one number, as a person reads them; larger
ones are not. Sums and products that have variables in them are how an expression is written: (x+1)^2 and
x+x+x are finished.
"""

from collections.abc import Iterator
from fractions import Fraction

from mpmath import mp, mpf

from score.mathematics.exact import exact
from score.mathematics.tree import Node, Unreadable, symbols
from score.mathematics.values import DIGITS, numeric

_ALWAYS = {"factorial", "binomial", "floor", "ceil", "max", "min", "gcd"}
_ANGLES = {"sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan"}
_FUNCTIONS = _ANGLES | {"log", "ln", "exp", "sinh", "cosh", "tanh", "abs"}
_NAMES = {"add": "sum", "multiply": "product", "divide": "product"}
_TERMS = 30  # of a sum that an answer may have; each two of them are compared
_DENOMINATORS = 10_000  # a value with a larger denominator counts as irrational


def left_to_do(tree: Node) -> frozenset[str]:
    """Names of the operations between numbers that an expression leaves to be done."""
    found = set()
    for node in _operations(tree):
        if not symbols(node) and (node.op in _ALWAYS or _is_left(node)):
            found.add("function" if node.op in _FUNCTIONS else _NAMES.get(node.op, node.op))
    return frozenset(found)


def _operations(tree: Node) -> Iterator[Node]:
    """All nodes but sums that are terms of a sum of numbers, which is looked at as a whole."""
    yield tree
    whole = tree.op == "add" and not symbols(tree)
    for arg in _chain(tree, "add") if whole else tree.args:
        yield from _operations(arg)


def _is_left(node: Node) -> bool:
    if _is_literal(node):
        return False
    if node.op == "abs":
        return True
    if node.op == "add":
        return _like_terms(_chain(node, "add")) or _rational(node)
    if node.op == "multiply":
        return _uncollected(node)
    if node.op == "divide":
        return node.form == r"\div" or _open_fraction(node)
    if node.op == "power":
        return _open_power(node)
    if node.op == "root" or node.op in _FUNCTIONS:
        return _gaussian(node)
    return False


def _is_literal(node: Node) -> bool:
    """Whether a node is one written number: 3.5, -3, 22/7, 7%, 10^{-8}, 4 \cdot 10^{33} or 3(5)."""
    if node.op == "number":
        return True
    if node.op in ("negative", "percent", "degree"):
        return _is_literal(node.args[0])
    if node.op == "divide":
        fraction = all(map(_plain, node.args)) and _terminating(node)
        return fraction and node.form != r"\div" and not _whole(node)
    if node.op == "power":
        return node.args[0].value == 10 and _plain(node.args[1])
    if node.op == "multiply":
        left, right = node.args
        digits = all(one.form == "integer" and 0 <= one.fraction < 10 for one in node.args)
        return (_plain(left) and right.op == "power" and _is_literal(right)) or (
            node.form == "juxtaposed" and digits
        )
    return False


def _whole(node: Node) -> bool:
    value = exact(node)
    return value is not None and value.denominator == 1


def _terminating(fraction: Node) -> bool:
    return not any(part.form in ("repeating", "mixed") for part in fraction.walk())


def _plain(node: Node) -> bool:
    return node.op == "number" or (node.op == "negative" and _plain(node.args[0]))


def _chain(node: Node, op: str) -> list[Node]:
    """The terms of a sum or the factors of a product, without their signs."""
    if node.op == "negative":
        return _chain(node.args[0], op)
    return [part for arg in node.args for part in _chain(arg, op)] if node.op == op else [node]


def _like_terms(terms: list[Node]) -> bool:
    """Whether two terms are rational multiples of one another, so that they can be added.

    So can two complex terms, unless one is real and the other imaginary, and two angle functions.
    """
    if len(terms) > _TERMS or sum(any(p.op in _ANGLES for p in term.walk()) for term in terms) > 1:
        return True
    with mp.workdps(DIGITS):
        values: list = []  # of mpmath
        for term in terms:
            try:
                value = numeric(term)
            except Unreadable:
                continue
            if value != 0 and any(_can_be_added(value, other) for other in values):
                return True
            if value != 0:
                values.append(value)
    return False


def _can_be_added(one, other) -> bool:
    mixed = any(mp.re(value) != 0 != mp.im(value) for value in (one, other))
    return mixed or _is_rational(one / other)


def _uncollected(node: Node) -> bool:
    factors = _chain(node, "multiply")
    roots = sum(any(part.op == "root" for part in factor.walk()) for factor in factors)
    functions = sum(any(part.op in _ANGLES for part in factor.walk()) for factor in factors)
    sums = sum(factor.op == "add" for factor in factors)
    return max(roots, functions, sums, sum(map(_rational, factors))) > 1 or _rational(node)


def _open_fraction(node: Node) -> bool:
    """A fraction of fractions, or of irrational numbers whose quotient is rational."""
    parts = [part.args[0] if part.op == "negative" else part for part in node.args]
    nested = any(part.op == "divide" or part.form in ("mixed", "repeating") for part in parts)
    rational = None not in map(exact, parts)
    if any(part.value == "i" for part in node.args[1].walk()):
        return True  # 1/i is -i
    if _whole(node):
        return True  # 120/4 is 30
    return (nested and rational) or (not rational and _rational(node))


def _open_power(node: Node) -> bool:
    base = node.args[0]
    if base.op == "constant":
        return _gaussian(node)
    return exact(base) is None or _rational(node)


def _rational(node: Node) -> bool:
    if exact(node) is not None:
        return True
    with mp.workdps(DIGITS):
        try:
            return _is_rational(numeric(node))
        except Unreadable:
            return False


def _gaussian(node: Node) -> bool:
    """Whether the real and the imaginary part are rational: a closed value that can be written out."""
    if exact(node) is not None:
        return True
    with mp.workdps(DIGITS):
        try:
            value = numeric(node)
        except Unreadable:
            return False
        return _is_rational(mp.re(value)) and _is_rational(mp.im(value))


def _is_rational(value) -> bool:
    if mp.im(value) != 0 or not mp.isfinite(value) or mp.mag(value) > 200:
        return False
    value = mp.re(value)
    scaled = int(mp.nint(value * mpf(2) ** 400))
    near = Fraction(scaled, 2**400).limit_denominator(_DENOMINATORS)
    return abs(value - mpf(near.numerator) / near.denominator) < mpf(10) ** -60
