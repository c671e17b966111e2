"""Characters that nobody sees hide nothing; those that are seen stay."""

import pytest
from score.problems.invisible import has_invisible, plain_form, without_invisible
from score.problems.problem import canonical_question, question_key
from score.tasks import load_task

HIDDEN = {
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "byte order mark": "\ufeff",
    "right-to-left mark": "\u200f",
    "embedding": "\u202b",
    "variation selector": "\ufe0f",
    "supplementary variation selector": "\U000e0101",
    "combining grapheme joiner": "\u034f",
    "Hangul filler": "\u3164",
    "half-width Hangul filler": "\uffa0",
    "Mongolian separator": "\u180e",
    "tag": "\U000e0041",
    "function application": "\u2061",
    "NUL": "\x00",
    "backspace": "\x08",
}


@pytest.mark.parametrize("char", HIDDEN.values(), ids=HIDDEN)
def test_a_character_that_nobody_sees_hides_no_question(char):
    for spoilt in (f"{char}Compute 9+1.", f"Com{char}pute 9{char}+1.{char}"):
        assert canonical_question(spoilt) == canonical_question("Compute 9+1.")
        assert has_invisible(spoilt)


def test_a_joiner_between_a_letter_and_its_accent_does_not_keep_them_apart():
    assert canonical_question("caf\u0065\u034f\u0301") == canonical_question("café")


@pytest.mark.parametrize("text", ["5 + 6", "$7+8$", "١٢٣", "\u0600", "é", "a\tb\nc", "−", "한글"])
def test_what_is_seen_stays(text):
    assert without_invisible(text) == text and not has_invisible(text)


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\u2009", "\u202f", "\u2028", "\x85", "\t"])
def test_every_white_space_is_a_space(space):
    assert canonical_question(f"Compute{space}9+1.") == "compute 9+1."


def test_a_task_that_makes_its_own_key_is_shown_the_visible_characters():
    key = question_key(load_task("sums"))
    assert key("5\u200b6 + ２6 + 38 = ?") == key("38 + 26 + 56 = ?")
    assert plain_form("ｘ\u00ad²") == "x2"
