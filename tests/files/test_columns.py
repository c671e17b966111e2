"""Texts of any script stand in columns."""

import pytest
from score.files.columns import fitted, width_of


@pytest.mark.parametrize(
    ("text", "shown", "end"),
    [
        ("ab", "ab   ", "ab   "),
        ("abcde", "abcde", "abcde"),
        ("abcdefg", "abcd…", "…defg"),
        ("漢字漢字", "漢字…", "…漢字"),
        ("a漢字漢", "a漢… ", "…字漢"),
        ("e\u0301e\u0301", "e\u0301e\u0301   ", "e\u0301e\u0301   "),
    ],
)
def test_a_text_takes_exactly_the_columns_that_it_is_given(text, shown, end):
    assert (fitted(text, 5), fitted(text, 5, from_end=True)) == (shown, end)
    assert width_of(shown) == width_of(end) == 5
