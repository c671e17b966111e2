r"""Tokens of an answer in one notation (score.mathematics.notation).

A token is a number, based (digits with a base), a currency, a word, a letter, a command, or another
character. A comma between groups of three digits belongs to a number, unless it stands in brackets,
where it separates: (1,234) is a pair.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from score.mathematics.notation import MONEY, SEPARATOR
from score.mathematics.tree import DEPTH_LIMIT, SIZE_LIMIT, Node, Unreadable, number


class Token(NamedTuple):
    """kind: number, based, currency, word, letter, command or other. node: the leaf of a number."""

    kind: str
    text: str
    node: Node | None = None


_DECIMAL = r"(?:\d{1,3}(?:[%s]\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(_DECIMAL % (SEPARATOR + " ,"))
_NUMBER_IN_BRACKETS = re.compile(_DECIMAL % (SEPARATOR + " "))
_EXPONENT = re.compile(r"[eE]([+-]?\d{1,4})(?![\d.a-zA-Z])")
_REPEATING = re.compile(r"(\d*)\.(\d*) ?\\(?:overline|bar|dot)(?![a-zA-Z]) ?(?:\{ ?(\d+) ?\}|(\d))")
_GOES_ON = re.compile(r"(\d*)\.(\d{0,40}?)(\d{1,40}?)\3+ ?\\ldots(?![a-zA-Z])")
_BASED = re.compile(  # 43_5, 1 011_2, \text{A5}_{11}, (1011)_2, 1011_{\text{two}}
    r"(?:(?:\\(?:text|mbox|mathrm) ?\{|\() ?([0-9A-Za-z]+) ?[})]"
    r"|([0-9]{1,3}(?: [0-9]{3})+"
    rf"|[0-9{SEPARATOR}]+(?:\.[0-9]+)?(?:[0-9A-Za-z]|\\text\{{[A-Z]\}})*|[A-Za-z][0-9A-Za-z]+))"
    r" ?_ ?(?:\{ ?(?:\\(?:text|mathrm) ?\{|\()?(\d{1,2}|[a-z]+)[})]? ?\}|(\d)|\\text ?\{([a-z]+)\})"
)
_BASE_WORDS = "two three four five six seven eight nine ten eleven twelve".split()
_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|textnormal|textsf|texttt|emph|mbox|hbox|mathrm|mathbf|mathit"
    r"|mathsf|operatorname\*?)(?![a-zA-Z]) ?\{"
)
_COMMAND = re.compile(r"\\([a-zA-Z]+|.)", re.DOTALL)
_CURRENCY = re.compile(MONEY + "([a-z]+)")
_WORD = re.compile(r"[ap]\.m\.?|[^\W\d_]+(?:['-][^\W\d_]+)*")
_RUN = re.compile(r"[ap]\.m\.?|[^\W\d_]+")
OPENING = {"(", "[", "{", r"\{"}
CLOSING = {")", "]", "}", r"\}"}
FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log lg exp".split()
)
_AS_COMMANDS = {name: name for name in FUNCTIONS} | {"sqrt": "sqrt", "pi": "pi"}
_AS_COMMANDS |= {"infinity": "infty", "inf": "infty", "infty": "infty"}
_SHORT_WORDS = frozenset(
    """
    one two six ten and or to per cm mm km ft in yd mi kg mg lb lbs oz ml mL hr hrs min sec am
    pm mph kph sq cu
    """.split()
)
_CURRENCIES = frozenset("usd eur gbp jpy inr".split())
_ANY_CASE = _CURRENCIES | {"no", "yes"}
_WORD_LENGTH = 4  # a longer run of letters is a word, a shorter one a product: abc, but Dana


def tokenise(text: str) -> list[Token]:
    """The tokens of a text; Unreadable where it is too long or nested too deep."""
    tokens = _tokens(text, in_words=False)
    if len(tokens) > SIZE_LIMIT:
        raise Unreadable("too long")
    depth = deepest = 0
    for token in tokens:
        depth += (token.text in OPENING) - (token.text in CLOSING)
        deepest = max(deepest, depth)
    if deepest > DEPTH_LIMIT:
        raise Unreadable("nested too deep")
    return tokens


def _tokens(text: str, in_words: bool) -> list[Token]:
    tokens, place, brackets = [], 0, 0
    while place < len(text):
        if text[place] == " ":
            place += 1
            continue
        found, place = _next(text, place, brackets > 0, in_words)
        for token in found:
            if token.text not in "{}":  # of a command: \\frac{1,000}{7} is a number over another
                brackets += (token.text in OPENING) - (token.text in CLOSING)
        tokens += found
    return tokens


def _next(text: str, place: int, in_brackets: bool, in_words: bool) -> tuple[list[Token], int]:
    """The token at `place`, or the tokens where it is a run of letters or a text, and its end."""
    based = _BASED.match(text, place)
    if based and (token := _based(based)):
        return [token], based.end()
    if words := _TEXT.match(text, place):
        end = _closing_brace(text, words.end())
        return _tokens(text[words.end() : end], in_words=True), end + 1
    for pattern, read in ((_REPEATING, _repeating), (_GOES_ON, _repeating)):
        if (match := pattern.match(text, place)) and (token := read(match)):
            return [token], match.end()
    if match := (_NUMBER_IN_BRACKETS if in_brackets else _NUMBER).match(text, place):
        return _number(text, match)
    if match := _CURRENCY.match(text, place):
        return [Token("currency", match[1])], match.end()
    if match := (_WORD if in_words else _RUN).match(text, place):
        spoken = in_words or not match[0].isascii() or "." in match[0]
        return [_word(match[0])] if spoken else _letters(match[0]), match.end()
    if match := _COMMAND.match(text, place):
        name = match[1]
        return [Token("command" if name.isalpha() else "other", match[0])], match.end()
    return [Token("other", text[place])], place + 1


def _word(word: str) -> Token:
    if word in FUNCTIONS and word != "sec":  # which is a unit  # \\operatorname{ln}
        return Token("command", "\\" + word)
    if word.casefold() == "percent":
        return Token("other", "%")
    return Token("currency" if word.casefold() in _CURRENCIES else "word", word)


def _letters(run: str) -> list[Token]:
    if run in _AS_COMMANDS:
        return [Token("command", "\\" + _AS_COMMANDS[run])]
    if run in _SHORT_WORDS or run.casefold() in _ANY_CASE or len(run) >= _WORD_LENGTH:
        return [_word(run)]
    return [Token("letter", letter) for letter in run]


def _number(text: str, match: re.Match) -> tuple[list[Token], int]:
    plain = match[0].replace(SEPARATOR, "").replace(" ", "").replace(",", "")
    value, form, end = Fraction(plain), "decimal" if "." in plain else "integer", match.end()
    if exponent := _EXPONENT.match(text, end):
        value, form, end = value * Fraction(10) ** int(exponent[1]), "scientific", exponent.end()
    return [Token("number", match[0], number(value, form))], end


def _repeating(match: re.Match) -> Token | None:
    r"""0.1\overline{6}, and 0.1666\ldots where the last digits are a repetition."""
    whole, start, block = match[1], match[2], match[3] or match[4]
    value = Fraction(int((whole + start) or "0"), 10 ** len(start))
    value += Fraction(int(block), (10 ** len(block) - 1) * 10 ** len(start))
    return Token("number", match[0], number(value, "repeating"))


def _based(match: re.Match) -> Token | None:
    digits = (match[1] or match[2]).replace(SEPARATOR, "").replace(" ", "")
    digits = re.sub(r"\\text\{([A-Z])\}", r"\1", digits).upper()
    base = match[3] or match[4] or match[5]
    if base.isalpha():
        if base not in _BASE_WORDS:
            return None
        base = _BASE_WORDS.index(base) + 2
    if not 2 <= int(base) <= 36:
        return None
    try:
        int(digits.replace(".", "", 1), int(base))
    except ValueError:
        return None
    return Token("based", f"{digits.lstrip('0') or '0'}_{int(base)}")


def _closing_brace(text: str, start: int) -> int:
    """Where the brace closes that was opened just before start; Unreadable if it does not."""
    depth = 1
    for place in range(start, len(text)):
        if text[place] in "{}" and text[place - 1] != "\\":
            depth += 1 if text[place] == "{" else -1
            if depth == 0:
                return place
    raise Unreadable("a brace does not close")


def split(tokens: list[Token], separators: set[str]) -> list[list[Token]]:
    """The tokens between separators that stand outside all brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth == 0 and token.text in separators and token.kind != "number":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def outside(tokens: list[Token]):
    depth = 0
    for token in tokens:
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth == 0:
            yield token
