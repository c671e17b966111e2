"""What only repeats its question is no answer, in whatever words it is repeated."""

import pytest
from real_rows import rows
from score.tasks import math
from score.tasks._restating import formulas
from score.verifiers.verifier import Verifier

# A copied formula, and ways to write it that change nothing.
COPIES = {
    "as it is": "{}",
    "with a unit": r"{}\text{ units}",
    "in braces": r"\{{}\}",
    "in percent": r"100({})\%",
    "over one": r"\frac{{}}{1}",
    "to the power of one": "({})^1",
    "with two signs": "-(-({}))",
    "with a sum of zero": "{}+1-1",
}
EXPAND = (
    "Expand $(x+1)(x+2)$.",
    "Expand (x+1)(x+2).",
    "Expand (x + 1)(x + 2), please",
    r"Expand \begin{align*} y &= (x+1)(x+2) \\ z &= 3. \end{align*}",
)


def test_copying_the_last_formula_of_a_question_pays_only_where_it_is_the_answer():
    problems = [*rows("math/part_a.jsonl"), *rows("math/part_b.jsonl")]
    with Verifier("math") as verifier:
        texts, golds, questions = zip(*_copied(problems), strict=True)
        paid = [v for v in verifier(texts, golds, questions=questions) if v.correct]
        unaware = [v for v in verifier(texts, golds) if v.correct]
    assert len(paid) <= 0.002 * len(problems)
    assert len(unaware) <= 300  # expansions, fractions to reduce: right answers to other questions


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_that_is_written_otherwise_pays_no_more(way):
    problems = [*rows("math/part_a.jsonl"), *rows("math/part_b.jsonl")][::4]
    with Verifier("math") as verifier:
        texts, golds, questions = zip(*_copied(problems, COPIES[way]), strict=True)
        paid = [v for v in verifier(texts, golds, questions=questions) if v.correct]
        unaware = [v for v in verifier(texts, golds) if v.correct]
    assert len(paid) <= 0.004 * len(problems) < len(unaware)


def _copied(problems: list[dict], way: str = "{}") -> list[tuple]:
    """Attempts that state the last formula of their question, with reference answer and question."""
    found = [(formulas(problem["problem"]), problem) for problem in problems]
    return [
        (f"\\boxed{{{way.replace('{}', copied[-1])}}}", one["answer"], one["problem"])
        for copied, one in found
        if copied and one["answer"].strip()
    ]


def test_a_repeated_question_is_no_answer_unless_it_is_written_as_the_answer_is():
    question = "Expand the product ${(x+1)(x+2)}$, given $y = 3$ and $\\frac{6}{8}$."
    assert math.restates("(x+1)(x+2)", "x^2+3x+2", question)
    assert math.restates("(x + 1) (x + 2)", "x^2+3x+2", question)
    assert math.restates(r"\frac68", "3/4", question.replace(r"\frac{6}{8}", r"\frac68"))
    assert not math.restates("x^2+3x+2", "x^2+3x+2", question)
    for copied in ("(x+2)(x+1)", "(x+1)(x+2)+0", "1(x+1)(x+2)", r"(1+x)\cdot(x+2)", "0+(x+1)(x+2)"):
        assert math.restates(copied, "x^2+3x+2", question)
        assert not math.restates(copied, "(x+2)(1+x)", question)
    assert math.restates("6/8", "3/4", question)
    assert not math.restates("2+3x+x^2", "x^2+3x+2", question)
    assert not math.restates("3", "3.0", question)
    assert not math.restates("(x+1)(x+2)", "(x+1)(x+2)", question)


@pytest.mark.parametrize("question", EXPAND)
@pytest.mark.parametrize("way", COPIES)
def test_a_repeated_product_is_no_expansion(question, way):
    copy = COPIES[way].replace("{}", "(x+1)(x+2)")
    assert math.grade(copy, "x^2+3x+2") == 1.0
    assert math.restates(copy, "x^2+3x+2", question)
    assert not math.restates(copy, "(x+2)(1+x)", question)
    assert not math.restates("2+3x+x^2", "x^2+3x+2", question)


@pytest.mark.parametrize(
    ("copied", "gold", "question"),
    [
        ("6/8", "3/4", "Write 6/8 in lowest terms."),
        (r"\frac{6}{8}", "3/4", "Write 6/8 in lowest terms."),
        (r"\sqrt{12}", r"2\sqrt3", "Simplify sqrt(12)."),
        (r"2\text{ hours}", r"120\text{ minutes}", r"How many minutes are $2\text{ hours}$?"),
        ("2 hours", r"120\text{ minutes}", "How many minutes are 2 hours?"),
        (r"5\text{ m}", r"500\text{ cm}", "How many centimetres are $5$ m?"),
        (r"(1+x)\cdot(x+2)", "x^2+3x+2", EXPAND[0]),
        ("0+1(x+2)(x+1)", "x^2+3x+2", EXPAND[0]),
    ],
)
def test_what_a_question_says_is_no_answer_to_it(copied, gold, question):
    assert math.restates(copied, gold, question)


@pytest.mark.parametrize(
    ("stated", "gold", "question"),
    [
        ("x^2+3x+2", "x^2+3x+2", EXPAND[0]),
        ("(x+1)(x+2)", "(x+1)(x+2)", EXPAND[0]),
        ("3", "3.0", "Given $y = 3$, find y."),
        (r"5\text{ cm}", "5", "A rod of $5$ cm is cut. How long was it?"),
        ("18 dollars", "18", "Nine eggs at 2 dollars are 18 dollars. What are they?"),
        (r"2\text{ hours}", r"120\text{ minutes}", "With $2$ trains, how long does it take?"),
        ("0.75", "3/4", "Write 6/8 as a decimal."),
    ],
)
def test_an_answer_that_also_stands_in_the_question_is_one(stated, gold, question):
    assert not math.restates(stated, gold, question)


def test_reference_answers_repeat_no_question():
    problems = rows("math/part_a.jsonl")[::4]
    answered = [p for p in problems if p["answer"].strip()]
    assert [p for p in answered if math.restates(p["answer"], p["answer"], p["problem"])] == []
