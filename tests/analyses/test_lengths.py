"""Lengths and truncation of a turn."""

from analysed import attempts_of
from score.analyses.lengths import lengths


def test_lengths_and_truncation_are_of_a_turn():
    table = lengths({"x": attempts_of("1100", "1000")})
    assert table["tokens"].tolist() == [11.5, 21.5] and table["tokens_max"].tolist() == [13, 23]
    assert table["truncated_rate"].tolist() == [0.5, 0.75]
