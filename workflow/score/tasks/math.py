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

from score.mathematics.answers import Quantity, Raw, Text
from score.mathematics.compare import is_right
from score.mathematics.exact import exact
from score.mathematics.notation import normalise
from score.mathematics.reading import flat, read
from score.mathematics.second_opinion import opinion
from score.mathematics.tree import LENGTH_LIMIT
from score.tasks._marker import after_last_marker, last
from score.tasks._math_statement import BOX, CLOSING, boxed, statement, whole
from score.tasks._restating import repeats

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
    if (box := last(BOX, gold)) is not None:
        inside = boxed(gold, box)
        if inside is None:
            raise ValueError("the gold's last box does not close, or is empty")
        gold = inside
    if whole(gold) is None:
        raise ValueError(f"the gold {gold!r} has a brace that does not close, or holds nothing")
    if read(gold) is None:
        raise ValueError(f"the gold {gold!r} holds nothing that an answer could equal")
    return gold


def all_of(golds: list[str]) -> str:
    """The one reference answer that lists all of several."""
    return ", ".join(golds)


def state(answer: str | list[str], marker: str) -> str:
    answer = _golds(answer)[0]
    return f"{marker} ${answer}$. {CLOSING}." if marker else f"\\boxed{{{answer}}}"


def extract(attempt: str, mode: str, marker: str) -> str | None:
    r"""The last stated answer, without its box or delimiters; None when nothing is stated."""
    start = after_last_marker(attempt, marker)
    if mode == "final":
        return None if start is None else statement(attempt[start:])
    box = last(BOX, attempt)
    if box is not None and (start is None or box.start() > start):
        return boxed(attempt, box)
    return None if start is None else statement(attempt[start:])


def grade(extracted: str, answer: str | list[str], function: str = "math_acc") -> float:
    """1.0 where the stated answer is a reference answer (score.mathematics.compare), else 0.0."""
    return float(any(is_right(extracted, gold) for gold in _golds(answer)))


# Every step of it is bounded to milliseconds, so that it needs no worker.
quick_grade = grade


def _golds(answer: str | list[str]) -> list[str]:
    return [answer] if isinstance(answer, str) else answer


def restates(extracted: str, answer: str | list[str], question: str) -> bool:
    """Whether a right answer only repeats an expression of the question."""
    return repeats(extracted, _golds(answer), question)


def only_text(answer: str | list[str]) -> bool:
    """Whether a reference answer is equal to its own words alone, so that no other form is right."""
    return all(isinstance(read(gold), Text | Raw) for gold in _golds(answer))


def vote_key(extracted: str) -> str:
    """The value of a rational number, so that 1/2 and 0.5 are one answer; else the text."""
    if len(extracted) > LENGTH_LIMIT:
        return "".join(extracted.split())
    answer = read(extracted)
    if isinstance(answer, Quantity) and len(answer.parts) == 1:
        try:
            value = exact(answer.parts[0][0])
        except RecursionError:  # hundreds of signs or factors in a row
            value = None
        # Python refuses to write numbers of more than 4,300 digits
        if value is not None and max(map(int.bit_length, value.as_integer_ratio())) < 10_000:
            return str(value)
    return flat(normalise(extracted))


def second_opinion(extracted: str, answer: str | list[str], function: str = "math_acc") -> bool:
    """Whether both are one text once normalised (score.mathematics.second_opinion)."""
    return any(opinion(extracted, gold) for gold in _golds(answer))
