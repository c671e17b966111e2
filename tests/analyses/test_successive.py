"""Accuracy over more than two attempts."""

from analysed import attempts_of
from score.analyses.successive import successive


def test_accuracy_goes_on_over_more_than_two_attempts():
    frame = attempts_of("1000", "1100").assign(correct_t3=[True, True, True, False])
    table = successive({"x": frame})
    assert table["turn"].tolist() == [1, 2, 3]
    assert table["accuracy"].tolist() == [0.25, 0.5, 0.75]
    assert table["delta_from_first"].tolist() == [0, 0.25, 0.5]
    assert table["delta_from_first_high"][0] == 0 < table["delta_from_first_high"][1]
