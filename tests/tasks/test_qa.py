"""Question answering: normalised answers, the best of several golds."""

import time
from collections import Counter

import pytest
from real_rows import rows
from score.tasks import qa
from score.tasks._qa_words import squad
from score.verifiers.verifier import Verifier


def test_qa_normalises_case_punctuation_and_articles():
    assert qa.normalise("The  U.S. Navy's “Big-E”!") == "us navys bige"
    assert qa.normalise("A an THE") == ""


QA = [  # attempt, golds, in_acc, em, f1: counted by hand
    ("Bobby Scott", ["Bobby Scott", "Bob Russell"], 1, 1, 1),
    ("It was Bob Russell, I think.", ["Bobby Scott", "Bob Russell"], 1, 0, 2 * 2 / (6 + 2)),
    ("Bob", ["Bob Russell"], 0, 0, 2 * 1 / (1 + 2)),
    ("the cat", ["Cat"], 1, 1, 1),
    ("concatenate", ["cat"], 0, 0, 0),
    ("14 December 1972", ["December 1972"], 1, 0, 2 * 2 / (3 + 2)),
    ("no no no", ["no way"], 0, 0, 2 * 1 / (3 + 2)),
    ("!!!", ["cat"], 0, 0, 0),
]


@pytest.mark.parametrize("attempt, golds, in_acc, em, f1", QA)
def test_qa_scores_the_best_gold(attempt, golds, in_acc, em, f1):
    scores = [qa.grade(attempt, golds, function) for function in ("in_acc", "em", "f1")]
    assert scores == pytest.approx([in_acc, em, f1])


SAME = [  # one answer, written in two ways
    (".5", "0.5"),
    ("-.5", "−0.5"),
    ("−3", "-3"),
    ("**-3**", "minus 3"),
    ("negative 3", "–3"),
    ("+3", "3"),
    ("1,000.50", "1000.50"),
    ("1\u202f000", "1,000"),
    ("1’000", "1_000"),
    ("1,00,000", "100 000"),
    ("$1.5 million", "US$1.5m"),
    ("1.2345678 million", "1,234,567.8"),
    ("2 hundred thousand", "200,000"),
    ("-$5", "$-5"),
    ("US$ 5", "5"),
    ("€ 5", "€5"),
    ("50 %", "50 percent"),
    ("50%", "50 per cent."),
    ("1914–1918", "1914 - 1918"),
    ("9 / 11", "9/11"),
    ("May 5,1972", "May 5, 1972"),
    ("10:30 a.m.", "10:30 AM"),
    ("6′2″", "6'2\""),
    ("2½", "2 1/2"),
    ("10⁻⁶", "10^-6"),
    ("B-52", "b52"),
    ("The 1st.", "1st"),
    ("C♯", "C#"),
    ("UTC−9", "UTC -9"),
    ("H₂O", "H2O"),
    ("Paris—the capital", "Paris, capital"),
]
OTHER = [  # the second is not the first: by no function, either way round
    ("3.14", "314"),
    ("-3", "3"),
    ("minus 40", "40"),
    ("-1/2", "1/2"),
    ("-$5", "$5"),
    ("$1.5 million", "15 million"),
    ("$1.5 million", "1.5"),
    ("5 million", "5 billion"),
    ("15 million", "15"),
    ("10 000", "10"),
    ("1,5", "15"),
    ("1000", "1.000"),
    ("50%", "50"),
    ("50%", "0.5"),
    ("40%-50%", "4050"),
    ("€5", "$5"),
    ("9/11", "911"),
    ("3-1", "1-3"),
    ("10:30", "1030"),
    ("2018-01-22", "20180122"),
    ("1914–1918", "19141918"),
    ("1914–1918", "1918"),
    ("3.11", "3.1.1"),
    ("3.10", "3.1"),
    (".5", "5"),
    ("1st", "1"),
    ("5),3", "53"),
    ("10⁶", "106"),
    ("1e-5", "1e5"),
    ("2½", "21/2"),
    ("6'2", "62"),
    ("C++", "C"),
    ("C++11", "C11"),
    ("F#", "F"),
    ("A+", "A-"),
    ("Cl⁻", "Cl"),
    ("UTC+9", "UTC-9"),
]


@pytest.mark.parametrize("one, other", SAME)
def test_an_answer_is_the_same_however_its_numbers_are_written(one, other):
    for function in ("em", "f1", "in_acc"):
        assert qa.grade(one, [other], function) == qa.grade(other, [one], function) == 1.0


@pytest.mark.parametrize("one, other", OTHER)
def test_numbers_keep_sign_point_and_magnitude_and_words_their_sign(one, other):
    for function in ("em", "f1", "in_acc"):
        for stated, gold in [(one, other), (other, one)]:
            assert not qa.is_correct(qa.grade(stated, [gold], function), function)


OFFICIAL = [  # text, SQuAD's words: worked out from the published definition
    ("3.14", "314"),
    ("-3", "3"),
    ("$1.5 million", "15 million"),
    ("C++ and the C#", "c and c"),
    ("1914–1918", "1914–1918"),  # an en dash is none of string.punctuation
    ("“Big-E”", "“bige”"),
    ("THE l’a, an A+", "l’"),  # an article ends at any sign that stays
    ("½", "½"),
]


@pytest.mark.parametrize("text, words", OFFICIAL)
def test_the_official_functions_compare_squads_own_words(text, words):
    assert squad(text) == words
    for function in ("em_official", "f1_official", "in_acc_official"):
        assert qa.grade(text, [words], function) == 1.0


@pytest.mark.parametrize("attempt, golds, in_acc, em, f1", QA)
def test_plain_words_score_alike_officially(attempt, golds, in_acc, em, f1):
    functions = ("in_acc_official", "em_official", "f1_official")
    assert [qa.grade(attempt, golds, f) for f in functions] == pytest.approx([in_acc, em, f1])
    assert qa.is_correct(0.5, "f1_official") and not qa.is_correct(0.5, "em_official")


def test_official_scores_pay_nothing_for_a_gold_of_which_no_word_is_left():
    for function in qa.EVALUATOR_FUNCTIONS:
        assert qa.grade("the", ["A+"], function) == 0.0


def test_the_second_opinion_reads_numbers_by_value_and_words_by_letters():
    for function in ("em", "in_acc", "em_official"):
        for one, other in [("Spider-Man", "spider man"), ("Beyoncé", "beyonce"), ("−3", "-3")]:
            assert qa.second_opinion(one, [other], function)
        for one, other in [
            ("3.14", "314"),
            ("-3", "3"),
            ("C++", "C"),
            ("1.5 million", "15 million"),
        ]:
            assert not qa.second_opinion(one, ["x", other], function)
    assert qa.second_opinion("about 1,000 in all", ["1000"], "in_acc")
    assert (
        qa.second_opinion("x", ["x"], "f1") is qa.second_opinion("x", ["x"], "f1_official") is None
    )


def test_hostile_texts_are_normalised_in_linear_time():
    units = [
        "1,",
        "1 ",
        " 000",
        "- ",
        "5 hundred ",
        "us ",
        "1 - ",
        "minus ",
        "utc ",
        "%",
        "a+",
        "½",
        "⁹",
    ]
    started = time.monotonic()
    for unit in units:
        qa.normalise(unit * 20_000)
    assert time.monotonic() - started < 20  # a quadratic one alone takes minutes


def test_qa_final_mode_reads_only_the_line_behind_the_last_marker():
    attempt = "Paris? Final Answer: Lyon\nNo. Final Answer: **Paris**\nLyon"
    assert qa.extract(attempt, "final", qa.MARKER) == "Paris**"
    assert qa.grade("Paris**", ["Paris"], "em") == 1.0
    assert qa.extract("Paris", "final", qa.MARKER) is None
    assert qa.extract("Final Answer: ", "final", qa.MARKER) is None
    assert qa.extract(" Paris ", "default", qa.MARKER) == "Paris"


def test_qa_golds_that_vanish_are_refused():
    for raw, reason in [(["x", "the"], "empty once"), ([], "non-empty"), ([1], "not a text")]:
        with pytest.raises(ValueError, match=reason):
            qa.parse_gold(raw)


def test_natural_questions_golds_verify_against_themselves_but_for_those_that_vanish():
    kept, refused = [], []
    for row in rows("nq_open/dev.jsonl"):
        try:
            kept.append(qa.parse_gold(row["answer"]))
        except ValueError:
            refused.append(row["answer"])
    assert (len(kept), len(refused)) == (3607, 3)
    for function in qa.EVALUATOR_FUNCTIONS:
        # SQuAD's words of A+ are none, so that its own functions refuse one more.
        official = function.endswith(qa.OFFICIAL)
        for mode in ("default", "final"):
            with Verifier("qa", function, mode) as verifier:
                verdicts = verifier.check_golds(kept)
            counts = Counter(verdict.verdict for verdict in verdicts)
            assert (counts["correct"], counts["incorrect"]) == (3607 - official, official)


@pytest.mark.parametrize(
    "attempt",
    [
        "Final Answer: Rome",
        "**Final Answer**: Rome",
        "**Final Answer:** Rome",
        "Final answer: Rome\nYes.",
    ],
)
def test_the_marker_may_be_written_in_markdown_and_in_any_case(attempt):
    assert qa.extract(f"Was it Paris? {attempt}", "final", qa.MARKER) == "Rome"
