"""A text of others can neither hide nor steer, whatever shows it."""

import json

import pytest
from score.files.visible import in_cell, in_code, in_json, in_markdown, visible, visible_lines

CLEARS, C1, REVERSED = "\x1b[2J", "\x9b31m", "\u202egnp.exe"


def test_what_steers_a_terminal_or_hides_is_written_out_and_other_letters_stay():
    assert visible(f"a{CLEARS}b{C1}\r\n\u200b") == r"a\x1b[2Jb\x9b31m\r\n\u200b"
    assert visible(REVERSED) == r"\u202egnp.exe"
    assert visible("\udc80") == r"\udc80"
    plain = "Größe 漢字 عدد 🙂 \\frac{1}{2}"
    assert visible(plain) == plain
    assert visible("x" * 300, 200) == "x" * 199 + "…"


def test_message_keeps_its_lines_and_nothing_else_that_moves():
    assert visible_lines(f"one\r\n\ttwo{CLEARS}\rthree") == "one\n\ttwo\\x1b[2J\\rthree"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        (r"a\|b", r"a\\\|b"),
        ("<script>", r"\<script>"),
        ("![x](http://a)", r"![x\](http://a)"),
        ("`rm`", r"\`rm\`"),
        ("a\n# b", r"a\n# b"),
        ("<1e-12", "<1e-12"),
        ("47.0 [37.2, 56.8]", "47.0 [37.2, 56.8]"),
        (r"\frac", r"\frac"),
    ],
)
def test_text_in_a_table_begins_no_markup(text, shown):
    assert in_markdown(text) == shown


def test_code_in_markdown_ends_where_it_was_begun():
    assert in_code("a/b.csv") == "`a/b.csv`"
    assert in_code("a`b``c") == "```a`b``c```"
    assert in_code("`") == "`` ` ``"


@pytest.mark.parametrize("formula", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_formula_in_a_cell_is_text(formula):
    assert in_cell(formula) == f"'{visible(formula)}"


@pytest.mark.parametrize(
    "number", [-0.5, 3, None, True, "-0.5", "+3", "-1.2e-05", "level 5", "a-b"]
)
def test_numbers_and_other_texts_in_a_cell_stay(number):
    assert in_cell(number) is number or in_cell(number) == number


def test_json_without_hidden_characters_means_the_same():
    value = {"text": f"a{CLEARS}{C1}{REVERSED}\U000e0041 漢"}
    written = in_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(written) == value
    assert written.isprintable() and "漢" in written
