"""What becomes of right and of wrong first answers, counted by hand."""

import pandas as pd
import pytest
from score.analyses.revisions import revisions


def _attempts(rows):
    """rows: (right 1, stated 1, right 2, stated 2), one a problem."""
    names = ("correct_t1", "extracted_t1", "correct_t2", "extracted_t2")
    frame = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows])
    frame = frame.astype({"extracted_t1": "string", "extracted_t2": "string"})
    return frame.assign(problem_id=[f"p{i}" for i in range(len(frame))])


def test_shares_are_of_the_right_or_of_the_wrong_first_attempts():
    attempts = _attempts(
        [
            (True, "0.5", True, "0.5"),
            (True, "0.5", True, "1/2"),  # changed and not spoiled
            (True, "0.5", False, "2"),
            (True, "0.5", False, None),
            (False, "7", False, "7"),
            (False, None, False, None),  # stating nothing twice is keeping
            (False, "7", False, "8"),  # neither kept nor corrected
            (False, "7", True, "0.5"),
            (False, None, False, "7"),
        ]
        * 3
    )
    row = revisions({"x": attempts}).iloc[0]
    assert row["right_changed"] == pytest.approx(3 / 4)
    assert row["right_spoiled"] == pytest.approx(2 / 4)
    assert row["wrong_kept"] == pytest.approx(2 / 5)
    assert row["wrong_corrected"] == pytest.approx(1 / 5)
    # 1.96 sqrt(p (1 - p) / 12), the interval of a share of 12 rollouts
    half = 1.96 * (0.75 * 0.25 / 12) ** 0.5
    assert row["right_changed_low"] == pytest.approx(0.75 - half, abs=1e-4)


def test_a_share_of_nothing_is_empty_and_seeds_are_joined():
    right = _attempts([(True, "1", True, "1"), (True, "1", True, "1")])
    table = revisions({"x": right})
    assert table["wrong_kept"].isna().all() and table["right_changed"].item() == 0
    wrong = _attempts([(True, "1", False, "2"), (False, "1", False, "1")])
    row = revisions({"x/seed0": right, "x/seed1": wrong}).iloc[0]
    assert row["num_seeds"] == 2
    assert (row["right_changed"], row["wrong_kept"]) == pytest.approx((1 / 3, 1))
