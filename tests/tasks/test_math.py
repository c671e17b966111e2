"""Mathematics: what an attempt states, what it is worth, and golds that say nothing."""

import pytest
from real_rows import rows
from score.tasks import math
from score.verifiers.verifier import Verifier

MARKER = math.MARKER


STATED = [  # attempt, in mode default, in mode final, why
    (r"so \boxed{4}", "4", None, "a box states"),
    (r"\boxed {\frac{1}{2}}.", r"\frac{1}{2}", None, "braces are balanced"),
    (r"\boxed{3} no, \boxed{4}", "4", None, "the last box wins"),
    (r"\boxed{3} no, \boxed{4", None, None, "cut inside the last box"),
    (r"\boxed{\boxed{4}}", "4", None, "a box in a box"),
    (r"\boxed{}", None, None, "an empty box"),
    (r"\boxed{a \} b", None, None, "an escaped brace closes nothing"),
    ("the answer is 4", None, None, "no last-number fallback"),
    ("", None, None, "nothing"),
    (f"{MARKER} $4$. I hope it is correct.", "4", "4", "the paper's form"),
    (f"{MARKER} $4$", "4", "4", "the rest of the form may be missing"),
    (f"{MARKER} 4", "4", "4", "plain"),
    (f"{MARKER} $4", None, None, "cut before the dollar closes"),
    (f"{MARKER} $", None, None, "cut after the dollar"),
    (f"{MARKER}", None, None, "cut after the marker"),
    (f"{MARKER[:-3]}", None, None, "cut inside the marker"),
    (f"{MARKER} \\frac{{1}}{{", None, None, "cut inside a brace"),
    (f"{MARKER} \\(5", None, None, "cut inside a formula"),
    (f"{MARKER} $$5", None, None, "cut inside a display"),
    (f"{MARKER} $18. I hope it is correct.", "18", "18", "money"),
    (f"{MARKER} $18", None, None, "money or a formula cut short: not stated"),
    (f"{MARKER} $\\$18.90$. I hope it is correct.", r"\$18.90", r"\$18.90", "escaped dollars"),
    (f"{MARKER} **4**.", "4", "4", "bold"),
    (f"{MARKER}\n$$\n4\n$$", "4", "4", "on lines of its own"),
    (f"{MARKER} \\(x\\).", "x", "x", "other delimiters"),
    (f"{MARKER} $\\boxed{{7}}$. I hope", "7", "7", "a box in the statement"),
    (f"{MARKER} $1$. Wait. {MARKER} $2$.", "2", "2", "the last marker wins"),
    (f"\\boxed{{3}} {MARKER} $4$.", "4", "4", "the marker comes last"),
    (f"{MARKER} $4$. So \\boxed{{3}}", "3", "3", "the box comes last"),
    (f"\\boxed{{3}} {MARKER}", None, None, "cut while stating anew"),
    (r"so \boxed 7.", "7", None, "a box of one number"),
    (r"so $\boxed7$", "7", None, "a box of one digit"),
    (r"so \boxed 7", None, None, "which may be cut"),
    (f"**{MARKER.replace(':', ':**')} $4$.", "4", "4", "a bold marker"),
    (f"**{MARKER.replace(':', '**' + chr(10))} $4$.", "4", "4", "a heading for a marker"),
    (f"{MARKER.lower()} $4$.", "4", "4", "lower case"),
    (f"{MARKER} `4`. I hope it is correct.", "4", "4", "code"),
    (f"{MARKER} $4$! I hope it is correct.", "4", "4", "an exclamation"),
    (f"{MARKER} $a$ and $b$.", "$a$ and $b$", "$a$ and $b$", "two formulas"),
    (MARKER.replace(" ", "\n") + " $4$", "4", "4", "line breaks in the marker"),
]


@pytest.mark.parametrize("attempt, default, final, why", STATED, ids=[case[3] for case in STATED])
def test_math_extracts_what_was_stated_and_nothing_else(attempt, default, final, why):
    assert math.extract(attempt, "default", MARKER) == default
    assert math.extract(attempt, "final", MARKER) == final


def test_no_cut_of_a_right_solution_says_more_than_the_whole():
    whole = f"First 2 + 2 = 4.\n{MARKER} $\\frac{{42}}{{5}}$. I hope it is correct."
    stated = {math.extract(whole[:cut], "default", MARKER) for cut in range(len(whole) + 1)}
    assert stated == {None, r"\frac{42}{5}"}
    boxed = r"We get 2 + 2 = 4, so $\boxed{\text{(A) } x^{2}}$."
    stated = {math.extract(boxed[:cut], "default", MARKER) for cut in range(len(boxed) + 1)}
    assert stated == {None, r"\text{(A) } x^{2}"}


def test_math_golds_that_say_nothing_are_refused_with_a_reason():
    assert math.parse_gold(" 42 ") == "42" and math.parse_gold(42) == "42"
    for raw, reason in [("", "empty"), ([], "list"), (None, "NoneType"), (True, "bool")]:
        with pytest.raises(ValueError, match=reason):
            math.parse_gold(raw)


def test_math_golds_in_a_list_of_lists_are_several_golds_as_in_one_list():
    golds = math.parse_gold([["1", "2"], "3"])
    assert golds == ["1", "2", "3"]
    assert [math.grade(stated, golds) for stated in ("2", "3", "4")] == [1.0, 1.0, 0.0]


def test_every_math_gold_verifies_against_itself_except_the_two_empty_ones():
    problems = rows("math/part_a.jsonl") + rows("math/part_b.jsonl")
    golds = [problem["answer"] for problem in problems]
    with Verifier("math", deadline=10.0) as verifier:
        for attempts in (
            [f"\\boxed{{{gold}}}" for gold in golds],
            [math.state(gold, MARKER) for gold in golds],
        ):
            verdicts = verifier(attempts, golds)
            wrong = [
                p["unique_id"] for p, v in zip(problems, verdicts, strict=True) if not v.correct
            ]
            empty = ["test/number_theory/7115.json", "test/number_theory/7117.json"]
            assert sorted(wrong) == empty


def test_plain_numbers_are_judged_as_math_verify_judges_them():
    from math_verify import parse, verify

    golds = ["7", "-3", "1000", "0.5", r"\frac{1}{2}", r"-\frac{3}{4}", "12,345", "0", "2.50"]
    stated = [*golds, "7.0", "07", "+7", "8", r"\dfrac{1}{2}", "$7$", "-0", "100", "7.001"]
    stated += ["1,000", "1{,}000", "0.500", "0.75", "-0.75", r"\frac{2}{4}", r"\frac{-3}{4}"]
    for gold in golds:
        for text in stated:
            pair = [parse(f"\\boxed{{{side}}}", parsing_timeout=None) for side in (gold, text)]
            assert math.grade(text, gold) == verify(*pair, timeout_seconds=None), (gold, text)
    # but nothing is rounded here
    assert not math.grade("7.0000001", "7")


def test_golds_of_minerva_and_olympiad_are_read_as_their_files_hold_them():
    solution = r"We find $E = 2$ MeV, so \boxed{0.7} no, \boxed{1.1 \times 10^{-8}}."
    assert math.parse_gold(solution) == r"1.1 \times 10^{-8}"
    assert math.parse_gold([r"$\frac{1}{2}$"]) == r"$\frac{1}{2}$"
    several = math.parse_gold(["$x=1$", "$x=2$"])
    assert math.grade("1", several) and math.grade("2", several) and not math.grade("3", several)
    both = math.all_of(several)
    assert math.grade("1, 2", both) and math.grade("x=2 or x=1", both) and not math.grade("1", both)
    assert math.grade("4.5 \\times 10^{33}", math.parse_gold("4.5e33"))
    assert math.grade("0.00001", math.parse_gold(1e-05))


@pytest.mark.parametrize(
    "raw", ["nan", "N/A", "$", "{", r"\boxed{", r"\frac{}{}", "\\", "}", [], "5}"]
)
def test_golds_that_nothing_could_equal_are_refused(raw):
    with pytest.raises(ValueError, match="gold"):
        math.parse_gold(raw)


def test_golds_that_are_words_are_told_from_those_that_other_forms_equal():
    assert math.only_text(r"\text{Friday}") and math.only_text("two lines")
    assert not any(map(math.only_text, ["5", "x+1", r"\text{(B)}", "(1,2)", "5 apples"]))


def test_votes_for_one_number_are_one_answer():
    assert math.vote_key("1/2") == math.vote_key(r"\frac{2}{4}") == math.vote_key("$0.5$")
    assert math.vote_key("x + 1") == math.vote_key("x+1") != math.vote_key("x+2")


def test_the_second_opinion_knows_forms_but_no_algebra():
    same = [("1,000", "1000"), (r"\frac12", "0.5"), (r"18\text{ dollars}", "18"), ("x=5", "5")]
    same += [(r"\$18", "18"), (r"90^\circ", "90"), ("(A)", r"\text{A}"), ("(1, 2)", "(1,2)")]
    assert all(math.second_opinion(a, b) for a, b in same)
    different = [("5", "6"), ("(1,234)", "1234"), ("x+1", "1+x"), ("", ""), ("-5", "5")]
    assert not any(math.second_opinion(a, b) for a, b in different)


@pytest.mark.parametrize(
    "stated, gold, right",
    [
        ("$60$ km/h. I hope it is correct.", "60", True),
        ("1 day. I hope it is correct.", "1", True),
        ("$18$ years", "18", True),
        ("3 hours", r"180\text{ minutes}", True),
        ("$5$ cm", r"5\text{ m}", False),
        ("$5$ or 6", "5", False),
        ("12 not 13", "12", False),
        ("5 xy", "5xy", True),
        ("5 xy", "5", False),
        ("$7$ dozen", "7", False),
    ],
)
def test_a_unit_may_stand_outside_of_the_formula(stated, gold, right):
    extracted = math.extract(f"{math.MARKER} {stated}", "default", math.MARKER)
    assert (math.grade(extracted, gold) == 1.0) is right
