"""Whether an answer only repeats its question, in its own words or with terms in another order."""

import re
from functools import lru_cache

from score.mathematics.answers import Items, Quantity, Relation
from score.mathematics.notation import normalise
from score.mathematics.reading import flat, read
from score.mathematics.shape import shape
from score.mathematics.tree import LENGTH_LIMIT

_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\[(.+?)\\\]|\\\((.+?)\\\)", re.DOTALL)
_ROWS = re.compile(
    r"\\begin\{(align\*?|aligned|gather\*?|equation\*?)\}(.+?)\\end\{\1\}", re.DOTALL
)
_DRAWING = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL)
# A word of a formula in plain text, and what makes several of them one that can be repeated.
_IN_FORMULA = re.compile(
    r"[-+*/^=]|.*[\d+*/^=√×÷·\\].*|sqrt.*|[b-hj-zB-HJ-Z]|\(+[a-zA-Z]|[a-zA-Z]\)+"
)
_MEASURED = re.compile(r"(?<![\w.,])\$?(\d[\d,]*(?:\.\d+)?)\$? ?([a-zA-Z]+)")
_OPERATOR = re.compile(r"[-+*/^(√×÷·\\]|sqrt")


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
    """The shape of an expression, and of a number its unit; None of what is none."""
    answer = read(text)
    if isinstance(answer, Items) and answer.braces and len(answer.parts) == 1:
        answer = answer.parts[0]
    if isinstance(answer, Relation) and answer.name[0]:
        answer = Quantity(((answer.right, None),))
    if not isinstance(answer, Quantity) or len(answer.parts) > 1:
        return None
    tree, unit = answer.parts[0]
    return shape(tree), unit if tree.op == "number" else None


def formulas(question: str) -> list[str]:
    """What stands between dollars, LaTeX's brackets or in a row of its environments, in order."""
    inline = [next(filter(None, groups)) for groups in _FORMULA.findall(question)]
    environments = [inside for _, inside in _ROWS.findall(question)]
    return inline + [row.replace("&", "") for rows in environments for row in rows.split(r"\\")]


def plain_formulas(question: str) -> list[str]:
    """Formulas that are written among the words: (x+1)(x+2) of "Expand (x+1)(x+2)."."""
    text = _DRAWING.sub(" ", question)
    text = _FORMULA.sub(" ; ", _ROWS.sub(" ; ", text))
    found: list[list[str]] = [[]]
    for word in text.split():
        bare = word.rstrip(".,;:?!")
        inside = _IN_FORMULA.fullmatch(bare)
        if inside:
            found[-1].append(bare)
        if bare != word or not inside:
            found.append([])
    return [" ".join(words) for words in found if _OPERATOR.search("".join(words))]


@lru_cache(maxsize=10_000)
def _expressions(question: str) -> frozenset[str]:
    return frozenset(map(_written, _sides(question))) - {""}


@lru_cache(maxsize=10_000)
def _shapes(question: str) -> frozenset[tuple]:
    return frozenset(filter(None, map(_built, [*_sides(question), *_measured(question)])))


def _sides(question: str) -> list[str]:
    """The formulas of a question and the sides of their equations."""
    found = formulas(question) + plain_formulas(question)
    return [side for formula in found for side in (formula, *formula.split("="))]


def _measured(question: str) -> list[str]:
    """Numbers with the word behind them, as a quantity that an answer could be: 2 hours, $5$ m."""
    return [rf"{value}\text{{ {unit}}}" for value, unit in _MEASURED.findall(question)]


def _one_number(stated: str, gold: str) -> bool:
    """Whether both are the same written number: 1,000 and 1000, but not 3/4 and 0.75."""
    trees: list[tuple] = [getattr(read(text), "parts", ()) for text in (stated, gold)]
    leaves = [parts[0][0] for parts in trees if len(parts) == 1 and isinstance(parts[0], tuple)]
    written = all(leaf.op == "number" and leaf.form != "mixed" for leaf in leaves)
    return len(leaves) == 2 and written and leaves[0].value == leaves[1].value
