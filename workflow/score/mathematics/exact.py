"""The rational value of an expression, where it has one that is quick to find."""

import math
from collections.abc import Callable
from fractions import Fraction

from mpmath import mp

from score.mathematics.tree import Node

_BITS = 40_000  # of a number


def exact(tree: Node) -> Fraction | None:
    """The rational value of a closed tree, None where it has none that is quick to find."""
    if tree.op == "number":
        return tree.fraction
    args = [value for arg in tree.args if (value := exact(arg)) is not None]
    if not args or len(args) < len(tree.args) or tree.op not in _EXACT:
        return None
    try:
        value = _EXACT[tree.op](*args)
    except (ZeroDivisionError, OverflowError):
        return None
    if value is None or value.numerator.bit_length() + value.denominator.bit_length() > _BITS:
        return None
    return value


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1 or (base == 0 and exponent <= 0):
        return None
    bits = base.numerator.bit_length() + base.denominator.bit_length()
    return base ** int(exponent) if bits * abs(exponent) <= _BITS else None


def _exact_root(value: Fraction, degree: Fraction) -> Fraction | None:
    """A whole root of a rational number, such as 3 of 27 (of degree 3), else None."""
    if degree.denominator != 1 or not 1 <= degree <= 100 or (value < 0 and degree % 2 == 0):
        return None
    parts = []
    for part in (abs(value.numerator), value.denominator):
        root = round(mp.root(part, int(degree))) if part.bit_length() < 400 else 0
        if root ** int(degree) != part:
            return None
        parts.append(root)
    return Fraction(parts[0] if value >= 0 else -parts[0], parts[1])


def _exact_factorial(value: Fraction) -> Fraction | None:
    if value.denominator != 1 or not 0 <= value <= 3000:
        return None
    return Fraction(math.factorial(int(value)))


def _exact_binomial(n: Fraction, k: Fraction) -> Fraction | None:
    if n.denominator != 1 or k.denominator != 1 or not 0 <= k <= n <= 3000:
        return None
    return Fraction(math.comb(int(n), int(k)))


_EXACT: dict[str, Callable] = {
    "add": lambda a, b: a + b,
    "negative": lambda a: -a,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "percent": lambda a: a / 100,
    "power": _exact_power,
    "root": _exact_root,
    "factorial": _exact_factorial,
    "binomial": _exact_binomial,
    "abs": abs,
    "floor": lambda a: Fraction(a.numerator // a.denominator),
    "ceil": lambda a: Fraction(-(-a.numerator // a.denominator)),
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
}  # fmt: skip
