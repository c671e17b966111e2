r"""Math problems (MATH, GSM8K, Minerva, Olympiad): a final answer, compared within its kind.

How answers are read and compared: score.mathematics (answers, compare, forms).

What counts as stated: a closed \boxed{...}, or the statement after the marker. With mode
"default" the one that comes last wins; with mode "final" only what follows the last marker counts.
Nothing else is graded: no last number, no box that never closes, no marker with nothing behind it,
no $ that never closes. A text cut inside its last statement has stated nothing.

The marker's form is the paper's (its appendix on prompts, in our words):
Final Answer: The final answer is $42$. I hope it is correct.
For GSM8K's own texts set evaluator_answer_marker to "####" and evaluator_mode to "final".
"""

import re
from functools import lru_cache

from score.mathematics.answers import Quantity, Raw, Relation, Text
from score.mathematics.compare import is_right
from score.mathematics.exact import exact
from score.mathematics.notation import normalise
from score.mathematics.reading import flat, read
from score.mathematics.second_opinion import opinion
from score.mathematics.shape import shape
from score.mathematics.tree import LENGTH_LIMIT
from score.tasks._marker import after_last_marker, last

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
VERIFY_PROMPT = (
    "Check your solution above step by step. Where a step does not hold, name it and say why. End with "
    "your verdict as the last sentence, in exactly one of these two forms: "
    "The answer is correct. The answer is wrong."
)
REVISE_PROMPT = (
    "Taking your check into account, solve the problem again, step by step. End with your answer in "
    "exactly this form: Final Answer: The final answer is $answer$. I hope it is correct."
)
EVALUATOR_FUNCTIONS = ("math_acc",)
MARKER = "Final Answer: The final answer is"

_BOX = re.compile(
    r"\\(?:boxed|fbox)(?:\s*\{|\s*(?P<token>-?\d[\d.,]*(?<![.,])|[a-zA-Z])(?=[^\w{]))"
)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # or an escaped character, which is none
_CLOSING = "I hope it is correct"
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\[(.+?)\\\]|\\\((.+?)\\\)", re.DOTALL)
_DELIMITERS = {"$$": "$$", "$": "$", r"\(": r"\)", r"\[": r"\]"}


def parse_gold(raw) -> str | list[str]:
    r"""The reference answer as text; of a list of several a list, any of which is right.

    A solution that states its answer in a box, as Minerva's, stands for what is in the last box.
    ValueError(reason) when there is nothing to compare with.
    """
    if isinstance(raw, list | tuple) and raw:
        golds = [gold for one in raw for gold in _golds(parse_gold(one))]
        return golds[0] if len(golds) == 1 else golds
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ValueError(f"the gold is a {type(raw).__name__}, not one expression")
    gold = str(raw).strip()
    if not gold:
        raise ValueError("the gold is empty")
    if "\x00" in gold:
        raise ValueError("the gold holds a NUL character")
    if (box := last(_BOX, gold)) is not None:
        boxed = _boxed(gold, box)
        if boxed is None:
            raise ValueError("the gold's last box does not close, or is empty")
        gold = boxed
    if _whole(gold) is None:
        raise ValueError(f"the gold {gold!r} has a brace that does not close, or holds nothing")
    if read(gold) is None:
        raise ValueError(f"the gold {gold!r} holds nothing that an answer could equal")
    return gold


def all_of(golds: list[str]) -> str:
    """The one reference answer that lists all of several."""
    return ", ".join(golds)


def state(answer: str | list[str], marker: str) -> str:
    answer = _golds(answer)[0]
    return f"{marker} ${answer}$. {_CLOSING}." if marker else f"\\boxed{{{answer}}}"


def extract(attempt: str, mode: str, marker: str) -> str | None:
    r"""The last stated answer, without its box or delimiters; None when nothing is stated."""
    start = after_last_marker(attempt, marker)
    if mode == "final":
        return None if start is None else _statement(attempt[start:])
    box = last(_BOX, attempt)
    if box is not None and (start is None or box.start() > start):
        return _boxed(attempt, box)
    return None if start is None else _statement(attempt[start:])


def _boxed(text: str, box: re.Match) -> str | None:
    r"""What is in the box: \boxed{7}, or the one number or letter behind \boxed 7."""
    return box["token"] or _inside_braces(text, box.end())


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
    rest = rest.lstrip(" \t\r\n:*_`")
    box = last(_BOX, rest)
    if box is not None:
        return _boxed(rest, box)
    for opening, closing in _DELIMITERS.items():
        if rest.startswith(opening):
            inside = rest[len(opening) :]
            closed = re.search(r"(?<!\\)" + re.escape(closing), inside)
            if closed is None and opening != "$":
                return None
            if closed is None:
                break
            after = inside[closed.end() :].partition("\n")[0]
            if re.match(r"[\s*_`]*(?:$|[.!]|I hope)", after):
                return _whole(inside[: closed.start()])
            break
    line, newline, _ = rest.partition("\n")
    line, hope, _ = line.partition(_CLOSING)
    line = line.rstrip(" \t\r*_`.")
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


def grade(extracted: str, answer: str | list[str], function: str = "math_acc") -> float:
    """1.0 where the stated answer is a reference answer (score.mathematics.compare), else 0.0."""
    return float(any(is_right(extracted, gold) for gold in _golds(answer)))


# Every step of it is bounded to milliseconds, so that it needs no worker.
quick_grade = grade


def _golds(answer: str | list[str]) -> list[str]:
    return [answer] if isinstance(answer, str) else answer


def restates(extracted: str, answer: str | list[str], question: str) -> bool:
    """Whether a right answer only repeats an expression of the question in its own words.

    "Expand (x+1)(x+2)" is not answered by "(x+1)(x+2)", although it equals the reference answer.
    Neither is it by "(x+2)(x+1)+0". Not repeated is what is written as the reference answer is.
    """
    if len(extracted) > LENGTH_LIMIT:
        return False
    golds, stated = _golds(answer), _written(extracted)
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


def only_text(answer: str | list[str]) -> bool:
    """Whether a reference answer is equal to its own words alone, so that no other form is right."""
    return all(isinstance(read(gold), Text | Raw) for gold in _golds(answer))


def vote_key(extracted: str) -> str:
    """The value of a rational number, so that 1/2 and 0.5 are one answer; else the text."""
    if len(extracted) > LENGTH_LIMIT:
        return "".join(extracted.split())
    answer = read(extracted)
    if isinstance(answer, Quantity) and len(answer.parts) == 1:
        value = exact(answer.parts[0][0])
        # Python refuses to write numbers of more than 4,300 digits
        if value is not None and max(map(int.bit_length, value.as_integer_ratio())) < 10_000:
            return str(value)
    return flat(normalise(extracted))


def second_opinion(extracted: str, answer: str | list[str], function: str = "math_acc") -> bool:
    """Whether both are one text once normalised (score.mathematics.second_opinion)."""
    return any(opinion(extracted, gold) for gold in _golds(answer))
