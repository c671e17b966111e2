"""From a text to its typed answer (score.mathematics.answers)."""

import re
from functools import lru_cache

from mpmath import mpf

from score.mathematics.answers import (
    Based,
    Choice,
    Items,
    Quantity,
    Ratio,
    Raw,
    Region,
    Relation,
    Text,
    Tuple,
)
from score.mathematics.notation import normalise
from score.mathematics.parser import parse
from score.mathematics.quantities import quantity
from score.mathematics.relations import SIGNS, as_region, both, related, without_points
from score.mathematics.tokens import CLOSING, OPENING, Token, outside, split, tokenise
from score.mathematics.tree import LENGTH_LIMIT, Node, Unreadable, number, symbols
from score.mathematics.values import numeric
from score.mathematics.whole_text import ARTICLES, choice, matrix, system, time_of_day

_NOTHING = {"", "nan", "none", "null", "n/a", "na", "nil", "?"}
_PHRASES: dict[tuple[str, ...], str]
_PHRASES = dict.fromkeys([("no", "solution"), ("no", "solutions"), ("empty", "set")], r"\emptyset")
_PHRASES |= dict.fromkeys([("all", "real", "numbers"), ("all", "reals")], r"\mathbb{R}")
_NUMBER_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen twenty
    """.split()


@lru_cache(maxsize=20_000)
def read(text: str):
    """The typed answer that `text` is, None where it holds nothing to compare."""
    if len(text) > LENGTH_LIMIT:
        return Raw("".join(text.split()))
    plain = normalise(text)
    if _is_nothing(plain):
        return None
    try:
        return _read(plain)
    except (Unreadable, RecursionError):
        return Raw(flat(plain))


def _is_nothing(plain: str) -> bool:
    if plain.casefold() in _NOTHING:
        return True
    words = re.sub(r"\\[a-zA-Z]+", " ", plain)
    commands = set(re.findall(r"\\([a-zA-Z]+)", plain)) - {"frac", "sqrt", "text", "mbox", "left"}
    return not commands and not re.search(r"[^\W_]", words) and plain.replace(" ", "") != r"\{\}"


def flat(text: str) -> str:
    """A text as it is compared with another: without spaces, wrappers of words and case of commands."""
    text = re.sub(r"\\(?:text|textbf|mbox|mathrm|textnormal|textit) ?\{([^{}]*)\}", r"\1", text)
    return re.sub(r"(?<!\d) | (?!\d)", "", " ".join(text.split()))  # "1 2" is not "12"


def _read(plain: str):
    if (stated := _before_its_decimals(plain)) is not None:
        return stated
    if known := choice(plain, read) or time_of_day(plain) or matrix(plain) or system(plain, read):
        return known
    tokens = tokenise(plain)
    try:
        return _structured(tokens)
    except Unreadable:
        return _text(plain, tokens)


def _before_its_decimals(plain: str) -> Quantity | Relation | None:
    r"""5/36 of \frac{5}{36} \approx 0.139, where the decimals on the right are those of the left."""
    left, found, right = plain.partition(r"\approx")
    decimals = re.fullmatch(r" *(-?\d+(?:\.(\d+))?) *", right)
    if not found or decimals is None:
        return None
    stated = _read(left.strip())
    if isinstance(stated, Relation) and stated.name[0]:
        tree = stated.right
    elif isinstance(stated, Quantity) and len(stated.parts) == 1:
        tree = stated.parts[0][0]
    else:
        return None
    if symbols(tree):
        return None
    value, written = numeric(tree), mpf(decimals[1])
    last = mpf(10) ** -len(decimals[2] or "")
    rounded, cut_off = abs(value - written) <= last / 2, 0 <= abs(value) - abs(written) < last
    return stated if rounded or (cut_off and value * written >= 0) else None


def _structured(tokens: list[Token]):
    """Items, where separators stand outside all brackets; else one of the other kinds."""
    whole = split(tokens, {r"\setminus", r"\backslash", "-"})
    if len(whole) == 2 and [t.text for t in whole[0]] == [r"\reals"]:
        return without_points(_structured(whole[1]))
    unions = split(tokens, {r"\cup"})
    if len(unions) > 1:
        return Region(tuple(part for one in unions for part in as_region(_single(one)).parts))
    alternatives = [_single_or_list(part) for part in split(tokens, {"or"})]
    if len(alternatives) > 1:
        if all(isinstance(one, Region) for one in alternatives):
            return Region(sum((one.parts for one in alternatives), ()), alternatives[0].variable)
        return Items(
            tuple(
                p for one in alternatives for p in (one.parts if isinstance(one, Items) else (one,))
            )
        )
    return alternatives[0]


def _single_or_list(tokens: list[Token]):
    parts = [part for part in split(tokens, {",", ";", "and"})]
    # a comma before "and" leaves an empty part
    parts = [part for number, part in enumerate(parts) if part or number in (0, len(parts) - 1)]
    if len(parts) == 1:
        return _single(parts[0])
    answers = [None if _is_ellipsis(part) else _single(part) for part in parts]
    compound = _as_compound(answers)
    if compound is not None:
        return compound
    regions = [answer for answer in answers if isinstance(answer, Region)]
    if len(answers) == len(regions) == 2:
        joined = [token.text for token in outside(tokens) if token.text in (",", ";", "and")]
        if joined == ["and"] and (met := both(*regions)) is not None:
            return met
    return Items(tuple(p for a in answers for p in _expanded(a)))


def _expanded(answer) -> tuple:
    return answer.parts if isinstance(answer, Items) and not answer.braces else (answer,)


def _as_compound(answers: list) -> Quantity | None:
    """3 hours and 20 minutes, read as one quantity."""
    if not all(isinstance(one, Quantity) and len(one.parts) == 1 for one in answers):
        return None
    found = [one.parts[0][1] for one in answers]
    same = None not in found and len({unit.dimension for unit in found}) == 1
    if same and len({unit.factor for unit in found}) == len(found):
        return Quantity(tuple(one.parts[0] for one in answers))
    return None


def _is_ellipsis(tokens: list[Token]) -> bool:
    return [token.text for token in tokens] == [r"\ldots"]


def _single(tokens: list[Token]):
    if not tokens:
        raise Unreadable("nothing stands there")
    if tokens[-1].kind == "based" and [t.text for t in tokens[:-1]] in ([], ["-"]):
        return Based("".join(token.text for token in tokens))
    if len(tokens) == 1 and tokens[0].kind == "word":
        return _word(tokens[0].text)
    if [t.text for t in (tokens[0], tokens[-1])] == ["(", ")"] and len(tokens) == 3:
        if tokens[1].kind == "word":
            return _word(tokens[1].text)  # \text{(A) and (C)}
    sides = split(tokens, SIGNS)
    if len(sides) > 1:
        return related(tokens, sides, _structured)
    ratio = split(tokens, {":", "to"})
    if len(ratio) > 1:
        return Ratio(tuple(parse(part) for part in ratio))
    if tokens[0].text in ("(", "[", r"\{", "]") and tokens[-1].text in (")", "]", r"\}", "["):
        if (bracketed := _bracketed(tokens)) is not None:
            return bracketed
    if [t.text for t in tokens] == [r"\emptyset"]:
        return Items((), braces=True)
    if [t.text for t in tokens] == [r"\reals"]:
        infinity = Node("constant", value="inf")
        return Region(((Node("negative", (infinity,)), False, infinity, False),))
    return quantity(tokens)


def _word(word: str) -> Quantity | Choice | Text:
    if word.casefold() in _NUMBER_WORDS:
        return Quantity(((number(_NUMBER_WORDS.index(word.casefold())), None),))
    return Choice(word.upper()) if len(word) == 1 else Text((word.casefold(),))


def _bracketed(tokens: list[Token]):
    opening, closing, inside = tokens[0].text, tokens[-1].text, tokens[1:-1]
    depth = 0
    for token in inside:
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth < 0:
            return None  # (1)(2): the first bracket closes before the end
    if opening == r"\{" and (condition := _condition(inside)):
        return _structured(condition)
    parts = split(inside, {",", ";"})
    if opening == r"\{" and closing == r"\}":
        if not inside:
            return Items((), braces=True)
        listed = [None if _is_ellipsis(part) else _structured(part) for part in parts]
        return Items(tuple(p for answer in listed for p in _expanded(answer)), braces=True)
    if len(parts) < 2 or opening == r"\{" or closing == r"\}":
        return None
    answers = tuple(None if _is_ellipsis(part) else _structured(part) for part in parts)
    if opening + closing in ("[)", "(]") and len(answers) == 2:
        return as_region(Tuple(opening + closing, answers))
    return Tuple(opening + closing, answers)


def _condition(inside: list[Token]) -> list[Token]:
    r"""What follows in x | x > 2, or in x \in \mathbb{R} : x > 2; nothing where it is no condition."""
    texts = [token.text for token in inside[:4]]
    sign = next((place for place, text in enumerate(texts) if text in ("|", ":")), 0)
    named = sign and inside[0].kind == "letter" and texts[1:sign] in ([], [r"\in", r"\reals"])
    return inside[sign + 1 :] if named else []


def _text(plain: str, tokens: list[Token]) -> Text | Raw:
    """Words, where nothing but words, numbers and punctuation stands there."""
    words = []
    for token in tokens:
        if token.kind in ("word", "letter", "number"):
            words.append(token.text.casefold())
        elif token.text not in set(",.;:()'-!?\"") | {r"\{", r"\}"}:
            return Raw(flat(plain))
    if not any(token.kind == "word" for token in tokens):
        return Raw(flat(plain))
    said = tuple(word for word in words if word not in ARTICLES)
    return read(_PHRASES[said]) if said in _PHRASES else Text(said)
