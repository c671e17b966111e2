"""Notes on kept problems for the data card."""

from score.problems.notes import notes_on
from score.problems.problem import Problem
from score.tasks import load_task


def _counts(*answers, levels=False):
    problems = [Problem(str(i), "q", answer, None) for i, answer in enumerate(answers)]
    return notes_on(problems, levels, load_task("qa"))


def test_what_a_program_made_of_an_answer_is_counted_by_what_it_is():
    odd = _counts(
        "1.23457E+11", "4-Mar", "Mar-04", ["['Paris', \"x\"]".replace('"x"', "'P'")], "['a']"
    )
    assert list(odd.values()) == [1, 2, 2]
    assert [what.split(" (")[0].split(",")[0] for what in odd] == [
        "answers that a spreadsheet seems to have shortened",
        "answers that a spreadsheet seems to have read as a date",
        "answers that are the text of a list",
    ]


def test_ordinary_answers_are_not_odd():
    assert _counts("[1, 2]", "1e22", "0.00001", "March", "4-3", "E+11", ["May", "June"]) == {}


def test_levels_count_where_there_were_to_be_some():
    assert list(_counts("1", "2", levels=True).values()) == [2]
