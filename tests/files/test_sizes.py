"""Sizes in the unit that fits."""

import pytest
from score.files.sizes import size_text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (134, "134 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (999_960, "1 MB"),
        (5_000_000, "5 MB"),
        (147_946_961, "147.9 MB"),
        (65 * 10**9, "65 GB"),
        (3_500_000_000_000, "3.5 TB"),
        (10**19, "10000 PB"),
    ],
)
def test_a_size_is_told_in_the_largest_unit_of_which_there_is_one(count, text):
    assert size_text(count) == text
