"""What an expression is worth: exactly where it is rational, else to 150 digits.

Two closed expressions are equal when their rational values are, or when they agree to far more digits
than a coincidence could explain. Two expressions in variables are equal when they agree at fixed points
that nobody would choose (a polynomial that is not zero has few roots: Schwartz and Zippel). Every step
is bounded, so that no answer takes long: what would be too large or is not defined raises Unreadable.
"""

import random
from collections.abc import Callable
from functools import lru_cache

from mpmath import mp, mpf
from mpmath.libmp import ComplexResult

from score.mathematics.exact import exact
from score.mathematics.tree import Node, Unreadable, symbols

DIGITS = 150
_LARGEST_EXPONENT = 10**6  # bits before the point of a real number
_SAME = mpf(10) ** -60
_POINTS = 16
_NEEDED = 4  # points where two expressions are real and agree


def numeric(tree: Node, point: dict | None = None):
    """The value of a tree with variables at `point`, a real or complex number of mpmath."""
    try:
        value = _numeric(tree, point or {})
    except (ZeroDivisionError, ValueError, ComplexResult, OverflowError, TypeError):
        raise Unreadable("has no value") from None
    if mp.isnan(value):
        raise Unreadable("has no value")
    return value


def _numeric(tree: Node, point: dict):
    if tree.op == "number":
        return mpf(tree.fraction.numerator) / tree.fraction.denominator
    if tree.op == "constant":
        return _constant(tree.name)
    if tree.op == "symbol":
        return point[tree.name] if tree.name in point else _unknown(tree.name)
    if tree.op not in _NUMERIC:
        raise Unreadable(f"{tree.op} has no value")
    return _NUMERIC[tree.op](*(_numeric(arg, point) for arg in tree.args))


def _unknown(name: str):
    raise Unreadable(f"{name} is not known")


def _constant(name: str):
    if name in ("empty", "reals"):
        raise Unreadable(f"{name} is no number")
    return {"pi": +mp.pi, "e": +mp.e, "i": mp.mpc(0, 1), "inf": mp.inf}[name]


def _checked(value):
    """The value, unless it is too large to go on with."""
    if mp.isfinite(value) and value != 0 and abs(mp.mag(value)) > _LARGEST_EXPONENT:
        raise Unreadable("too large")
    return value


def _power(base, exponent):
    if base == 0:
        if mp.re(exponent) > 0:
            return mpf(0)
        raise Unreadable("0 to the power of no positive number")
    if mp.isfinite(base) and abs(exponent) * (abs(mp.mag(base)) + 1) > _LARGEST_EXPONENT:
        raise Unreadable("too large")
    return mp.power(base, exponent)


def _root(value, degree):
    if mp.im(value) == 0 and mp.im(degree) == 0 and value < 0 and degree % 2 == 1:
        return -mp.root(-value, int(degree))
    return _power(value, 1 / degree)


def _trigonometric(function: Callable) -> Callable:
    def at(angle):
        if not mp.isfinite(angle) or mp.mag(angle) > 400:
            raise Unreadable("too large")
        return function(angle)

    return at


def _log(value, base=None):
    if value == 0 or base == 1:
        raise Unreadable("log of 0")
    return mp.log(value) if base is None else mp.log(value) / mp.log(base)


def _exp(value):
    return _power(+mp.e, value)


def _gamma(value):
    if not mp.isfinite(value) or abs(value) > 10_000:
        raise Unreadable("too large")
    return mp.factorial(value)


def _binomial(n, k):
    if max(abs(n), abs(k)) > 10_000:
        raise Unreadable("too large")
    return mp.binomial(n, k)


def _real(function: Callable) -> Callable:
    def of(*values):
        if any(mp.im(value) != 0 for value in values):
            raise Unreadable("of a complex number")
        return function(*map(mp.re, values))

    return of


_NUMERIC: dict[str, Callable] = {
    "add": lambda a, b: a + b,
    "negative": lambda a: -a,
    "multiply": lambda a, b: _checked(a * b),
    "divide": lambda a, b: _checked(a / b),
    "percent": lambda a: a / 100,
    "degree": lambda a: a * mp.pi / 180,
    "power": _power,
    "root": _root,
    "factorial": _gamma,
    "binomial": _binomial,
    "abs": abs,
    "floor": _real(mp.floor),
    "ceil": _real(mp.ceil),
    "max": _real(max),
    "min": _real(min),
    "log": _log,
    "ln": _log,
    "exp": _exp,
    "cot": _trigonometric(mp.cot),
    "sec": _trigonometric(mp.sec),
    "csc": _trigonometric(mp.csc),
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
}
_NUMERIC |= {name: _trigonometric(getattr(mp, name)) for name in ("sin", "cos", "tan")}
_NUMERIC |= {name: _trigonometric(getattr(mp, name)) for name in ("sinh", "cosh", "tanh")}


def equal(left: Node, right: Node) -> bool:
    """Whether two expressions have one value, for every value of their variables."""
    if left == right:
        return True
    names = sorted(symbols(left) | symbols(right))
    if not names:
        values = exact(left), exact(right)
        if None not in values:
            return values[0] == values[1]
    with mp.workdps(DIGITS):
        try:
            return _equal_in(left, right, names) if names else _equal_at(left, right, {})
        except Unreadable:
            return False


def _equal_at(left: Node, right: Node, point: dict) -> bool:
    a, b = numeric(left, point), numeric(right, point)
    if mp.isinf(a) or mp.isinf(b):
        return a == b
    difference = abs(a - b)
    if difference <= _SAME * max(abs(a), abs(b)):
        return True
    if difference > mpf(10) ** (-DIGITS // 2):
        return False
    # two small numbers, or digits that cancel: with more digits only a true difference stays
    with mp.workdps(2 * DIGITS):
        return abs(numeric(left, point) - numeric(right, point)) < difference * _SAME


def _equal_in(left: Node, right: Node, names: list[str]) -> bool:
    real = other = differ = 0
    for number in range(_POINTS):
        point = {name: _coordinate(name, number) for name in names}
        try:
            same = _equal_at(left, right, point)
            is_real = mp.im(numeric(left, point)) == 0 == mp.im(numeric(right, point))
        except Unreadable:
            continue
        if is_real and not same:
            return False
        real, other = real + (is_real and same), other + (not is_real and same)
        differ += not is_real and not same
    # where a root or a logarithm leaves the reals, which branch is meant is a convention
    return real >= _NEEDED or (real + other >= _NEEDED and not differ)


@lru_cache(maxsize=4096)
def _coordinate(name: str, number: int):
    """The value of a variable at one of the points: small, negative, large or whole."""
    draw = random.Random(f"{name} {number}")
    numerator = draw.randrange(10**8, 10**9)
    kinds = (
        mpf(numerator) / 10**9,
        mpf(numerator) / 10**8,
        -mpf(numerator) / 10**8,
        mpf(numerator) / 10**6,
        -mpf(numerator) / 10**4,
        mpf(draw.randrange(2, 40)),
        mpf(numerator) / 10**9 + 1,
        mpf(draw.randrange(1, 9)),
    )
    return kinds[number % len(kinds)]


def constant_ratio(left: Node, right: Node):
    """left / right where it is one real number other than 0 at all points, else None."""
    names = sorted(symbols(left) | symbols(right))
    ratio, seen = None, 0
    with mp.workdps(DIGITS):
        for number in range(_POINTS):
            point = {name: _coordinate(name, number) for name in names}
            try:
                above, below = numeric(left, point), numeric(right, point)
            except Unreadable:
                continue
            if above == 0 or below == 0 or mp.im(above / below) != 0:
                continue
            found = mp.re(above / below)
            if ratio is not None and abs(found - ratio) > _SAME * abs(ratio):
                return None
            ratio, seen = found, seen + 1
    return ratio if seen >= _NEEDED else None
