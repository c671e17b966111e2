"""Corrections of one's own first attempts and of given ones."""

import numpy as np
import pytest
from analysed import attempts_of
from score.analyses.fixed import correction


def test_conditional_rates_are_of_the_attempts_that_fulfil_the_condition():
    own, fixed = {"x": attempts_of("1110", "1101")}, {"x": attempts_of("1111", "1110")}
    table = correction({"own": own, "fixed": fixed}).set_index("first_attempts")
    assert table["right_if_right"].tolist() == pytest.approx([2 / 3, 3 / 4])
    assert table.loc["own", "right_if_wrong"] == pytest.approx(1)
    assert np.isnan(table.loc["fixed", "right_if_wrong"])  # no first attempt was wrong
    assert table["delta"].tolist() == pytest.approx([0, -1 / 4])
