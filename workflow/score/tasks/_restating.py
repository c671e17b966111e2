"""Whether an answer only repeats its question, in its own words or with terms in another order."""

import re
from functools import lru_cache

from score.mathematics.answers import Quantity, Relation
from score.mathematics.notation import normalise
from score.mathematics.reading import flat, read
from score.mathematics.shape import shape
from score.mathematics.tree import LENGTH_LIMIT

_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\[(.+?)\\\]|\\\((.+?)\\\)", re.DOTALL)


def repeats(extracted: str, golds: list[str], question: str) -> bool:
    """Whether a right answer only repeats an expression of the question in its own words.

    "Expand (x+1)(x+2)" is not answered by "(x+1)(x+2)", although it equals the reference answer.
    Neither is it by "(x+2)(x+1)+0". Not repeated is what is written as the reference answer is.
    """
    if len(extracted) > LENGTH_LIMIT:
        return False
    stated = _written(extracted)
    if any(stated == _written(gold) or _one_number(extracted, gold) for gold in golds):
        return False
    built = _built(extracted)
    if built is not None and built in map(_built, golds):
        return False
    return stated in _expressions(question) or built in _shapes(question)


def _written(text: str) -> str:
    """A text without its spaces, its brackets around the whole, and the name before it."""
    name, equals, value = flat(normalise(text)).partition("=")
    text = (
        value if equals and re.fullmatch(r"[a-zA-Z](?:\([a-z]\))?", name) else name + equals + value
    )
    return text[1:-1] if re.fullmatch(r"\([^()]*\)", text) and "," not in text else text


def _built(text: str) -> tuple | None:
    """The shape of an expression without a unit; None of what is none."""
    answer = read(text)
    if isinstance(answer, Relation) and answer.name[0]:
        return shape(answer.right)
    if not isinstance(answer, Quantity) or len(answer.parts) > 1 or answer.parts[0][1] is not None:
        return None
    return shape(answer.parts[0][0])


def formulas(question: str) -> list[str]:
    """What stands between dollars or LaTeX's brackets, in order."""
    return [next(filter(None, groups)) for groups in _FORMULA.findall(question)]


@lru_cache(maxsize=10_000)
def _expressions(question: str) -> frozenset[str]:
    return frozenset(map(_written, _sides(question))) - {""}


@lru_cache(maxsize=10_000)
def _shapes(question: str) -> frozenset[tuple]:
    return frozenset(filter(None, map(_built, _sides(question))))


def _sides(question: str) -> list[str]:
    """The formulas of a question and the sides of their equations."""
    return [side for formula in formulas(question) for side in (formula, *formula.split("="))]


def _one_number(stated: str, gold: str) -> bool:
    """Whether both are one written number: 1,000 and 1000, but not 3/4 and 0.75."""
    trees: list[tuple] = [getattr(read(text), "parts", ()) for text in (stated, gold)]
    leaves = [parts[0][0] for parts in trees if len(parts) == 1 and isinstance(parts[0], tuple)]
    return len(leaves) == 2 and all(leaf.op == "number" and leaf.form != "mixed" for leaf in leaves)
