r"""Math problems (MATH, MATH500, GSM8K): one final expression, compared by math-verify.

What counts as stated: a closed \boxed{...}, or the statement after the marker. With mode
"default" the one that comes last wins; with mode "final" only what follows the last marker counts.
Nothing else is graded: no last number, no box that never closes, no marker with nothing behind it,
no $ that never closes. A text cut inside its last statement has stated nothing.

The marker's form is the paper's (its appendix on prompts, in our words):
Final Answer: The final answer is $42$. I hope it is correct.
For GSM8K's own texts set evaluator_answer_marker to "####" and evaluator_mode to "final".
"""

import re
from collections import deque
from fractions import Fraction
from functools import lru_cache

FIRST_PROMPT = (
    "Solve this math problem. Work step by step, and end with your answer in exactly this form: "
    "Final Answer: The final answer is $answer$. I hope it is correct.\n\n{question}"
)
CORRECTION_PROMPT = (
    "The solution above may contain a mistake, because it was written without a second look. "
    "Check each step. If you find a mistake, correct it and write the solution anew; otherwise "
    "give the solution again. End with your answer in exactly this form: "
    "Final Answer: The final answer is $answer$. I hope it is correct."
)
CRITIQUE_PROMPT = (
    "Review your solution above step by step. Say for each step what it claims, whether it follows, "
    "and what you would do otherwise, if anything. Do not write a new solution yet."
)
REFINE_PROMPT = (
    "Taking your review into account, write the whole solution again, step by step. End with your "
    "answer in exactly this form: Final Answer: The final answer is $answer$. I hope it is correct."
)
EVALUATOR_FUNCTIONS = ("math_acc",)
MARKER = "Final Answer: The final answer is"

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # or an escaped character, which is none
_CLOSING = "I hope it is correct"
_DELIMITERS = {"$$": "$$", "$": "$", r"\(": r"\)", r"\[": r"\]"}


def parse_gold(raw) -> str:
    """The gold expression as text. ValueError(reason) when there is nothing to compare with."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ValueError(f"the gold is a {type(raw).__name__}, not one expression")
    gold = str(raw).strip()
    if not gold:
        raise ValueError("the gold is empty")
    if "\x00" in gold:
        raise ValueError("the gold holds a NUL character")
    return gold


def state(answer: str, marker: str) -> str:
    return f"{marker} ${answer}$. {_CLOSING}." if marker else f"\\boxed{{{answer}}}"


def extract(attempt: str, mode: str, marker: str) -> str | None:
    r"""The last stated answer, without its box or delimiters; None when nothing is stated."""
    start = _after_last_marker(attempt, marker)
    if mode == "final":
        return None if start is None else _statement(attempt[start:])
    box = _last(_BOX, attempt)
    if box is not None and (start is None or box.start() > start):
        return _inside_braces(attempt, box.end())
    return None if start is None else _statement(attempt[start:])


def _after_last_marker(attempt: str, marker: str) -> int | None:
    words = marker.split()
    if not words:
        return None
    match = _last(re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, words))), attempt)
    return None if match is None else match.end()


def _last(pattern: re.Pattern, text: str) -> re.Match | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)


def _inside_braces(text: str, start: int) -> str | None:
    """text[start:] up to the brace that closes the one just before start."""
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[start : brace.start()].strip() or None
    return None


def _statement(rest: str) -> str | None:
    """The answer at the start of `rest`, the text behind a marker; None if it is not finished."""
    rest = rest.lstrip(" \t\r\n:*")
    box = _last(_BOX, rest)
    if box is not None:
        return _inside_braces(rest, box.end())
    for opening, closing in _DELIMITERS.items():
        if rest.startswith(opening):
            inside = rest[len(opening) :]
            closed = re.search(r"(?<!\\)" + re.escape(closing), inside)
            if closed is None and opening != "$":
                return None
            if closed is None:
                break
            after = inside[closed.end() :].partition("\n")[0]
            if re.match(r"[\s*]*(?:$|\.|I hope)", after):
                return _whole(inside[: closed.start()])
            break
    line, newline, _ = rest.partition("\n")
    line, hope, _ = line.partition(_CLOSING)
    line = line.rstrip(" \t\r*.")
    if line.count("$") - line.count(r"\$") == 1 and re.match(r"-?\$\s*-?[\d.,]*\d", line):
        # "$18" is money where the statement is closed, and an expression cut short where it is not
        return _whole(line.replace("$", "", 1)) if newline or hope else None
    cut = (line.count("$") - line.count(r"\$")) % 2 or line.count(r"\(") > line.count(r"\)")
    return None if cut else _whole(line)


def _whole(statement: str) -> str | None:
    """The statement if it is not empty and each of its braces closes, else None."""
    statement = statement.strip()
    if not statement.strip("$ "):
        return None
    return statement if _inside_braces(statement + "}", 0) == statement else None


# Equal texts and equal plain numbers need no computer algebra. Each rule below finds what math-verify
# finds (the tests compare them), only sooner; but plain words behind a number are its unit here, while
# math-verify reads "18 dollars" as a product of letters.
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:(?:,|\{,\})\d{3})+|\d+)(?:\.\d+)?")
_FRACTION = re.compile(r"(-?)\\frac\{(-?\d+)\}\{(\d+)\}")
_UNITS = re.compile(r"(\S+)((?: +[a-z]+){1,4})")  # "18 dollars", but not "18 or 20"
_NOT_UNITS = set("and or to by hundred thousand million billion trillion dozen percent".split())
_SPACING = re.compile(r"\\!|\\(?:left|right)(?![a-zA-Z])")


def _light(text: str) -> str:
    text = text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    text = _SPACING.sub("", text).strip().strip("$").strip()
    units = _UNITS.fullmatch(text)
    if units and _NUMBER.fullmatch(units[1]) and _NOT_UNITS.isdisjoint(units[2].split()):
        return units[1]
    return text


def _number(text: str) -> tuple[Fraction, bool] | None:
    """(value, whether math-verify reads it exactly) of a plain number or fraction, else None."""
    if len(text) > 30 or not text.isascii():
        return None
    if _NUMBER.fullmatch(text):
        plain = text.replace("{,}", "").replace(",", "")
        # math-verify reads decimals as floats of 15 digits
        exact = "." not in plain
        return (Fraction(plain), exact) if exact or len(plain) <= 15 else None
    match = _FRACTION.fullmatch(text)
    if match is None or int(match[3]) == 0:
        return None
    value = Fraction(int(match[2]), int(match[3]))
    return (-value if match[1] else value), True


def quick_grade(extracted: str, answer: str, function: str) -> float | None:
    """1.0 or 0.0 where the two are equal as text or both plain numbers, None where not sure."""
    if len(extracted) > 500:
        return None
    stated, gold = _light(extracted), _light(answer)
    if stated == gold and stated:
        return 1.0
    left, right = _number(stated), _number(gold)
    if left is None or right is None:
        return None
    if left[0] == right[0]:
        return 1.0
    # math-verify rounds floats to 6 decimals, so near ones are left to it
    far_apart = (left[1] and right[1]) or abs(left[0] - right[0]) > Fraction(1, 10**5)
    return 0.0 if far_apart else None


def vote_key(extracted: str) -> str:
    r"""The text without $, spaces and \left \right: cheap, so `1/2` and `0.5` are two answers."""
    return "".join(_light(extracted.replace(r"\$", "")).replace("$", "").split())


def warm_up() -> None:
    """The slow imports (sympy, about a second), done before the first deadline starts."""
    _equivalent("x+1", r"\frac{1}{2}")


def grade(extracted: str, answer: str, function: str = "math_acc") -> float:
    """1.0 when math-verify finds the two expressions equivalent, else 0.0. May hang or raise."""
    quick = quick_grade(extracted, answer, function)
    return quick if quick is not None else float(_equivalent(extracted, answer))


def _equivalent(extracted: str, answer: str) -> bool:
    """What math-verify finds, without its own timeouts: they are signals, for the main thread only."""
    from math_verify import verify

    gold, stated = _parse(answer), _parse(extracted)
    try:
        return verify(gold, stated, timeout_seconds=None, raise_on_error=True)
    except (MemoryError, RecursionError, OverflowError):
        raise
    except Exception:  # without raise_on_error it finds such a pair unequal
        return verify(gold, stated, timeout_seconds=None)


@lru_cache(maxsize=4096)
def _parse(expression: str) -> list:
    from math_verify import parse

    return parse(f"\\boxed{{{expression}}}", parsing_timeout=None)


_DROPPED = re.compile(
    r"\\(?:left|right|displaystyle|big+|Big+|[!,;: ])(?![a-zA-Z])|\\?%|\\?\$|\^\{?\\circ\}?|~|\s+"
    r"|\\(?:text|mbox|mathrm)\{\s*[a-z .]+(?:\^\d)?\}(?=$|\^)"
)
_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mbox)\{([^{}]*)\}")
_SHORT_FRACTION = re.compile(r"\\frac\s*(?:\{(-?\w+)\}|(\w))\s*(?:\{(\w+)\}|(\w))")


def second_opinion(extracted: str, answer: str, function: str = "math_acc") -> bool:
    """Whether the two are one text once both are normalised. For a report, never a reward.

    Shares nothing with math-verify, so a disagreement is worth a look. It knows no algebra, so it
    finds most equivalent forms different; where it alone finds two equal, one of both is likely wrong.
    """
    if max(len(extracted), len(answer)) > 500:
        return extracted == answer
    left, right = _canonical(extracted), _canonical(answer)
    if left == right:
        return bool(left)
    values = _value(left), _value(right)
    return None not in values and values[0] == values[1]


def _canonical(text: str) -> str:
    text = text.strip().replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    if not _WORDS.fullmatch(text):
        text = _DROPPED.sub("", text)
    text = _WORDS.sub(lambda match: match[1], text).strip().rstrip(".")
    text = _SHORT_FRACTION.sub(lambda m: f"{m[1] or m[2]}/{m[3] or m[4]}", text)
    text = re.sub(r"\\sqrt(\w)", r"\\sqrt{\1}", text.replace("{,}", ","))
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text) if "(" not in text else text
    text = text.removeprefix("(").removesuffix(")") if re.fullmatch(r"\([A-Z]\)", text) else text
    name, equals, value = text.partition("=")
    return (value if equals and len(name) == 1 else text).casefold().replace(" ", "")


def _value(text: str) -> Fraction | None:
    if len(text) > 40 or not re.fullmatch(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:/\d+)?", text, re.ASCII):
        return None
    top, _, bottom = text.partition("/")
    return Fraction(top) / int(bottom or 1) if int(bottom or 1) else None
