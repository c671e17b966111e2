"""Changed answers and edit distances, counted by hand."""

import pandas as pd
import pytest
from score.analyses.changes import BIN_NAMES, changes


def test_changed_answers_and_edit_distances_are_counted():
    frame = pd.DataFrame(
        {
            "problem_id": ["p", "p", "q", "q"],
            "extracted_t1": [None, "1", "1", None],
            "extracted_t2": [None, "1", None, "2"],
            "attempt_t1": ["same", "aaaaaaaaaa", "", None],
            "attempt_t2": ["same", "aaabbbaaaa", "abc", ""],  # ratios 0, 0.15, 1, 0
        }
    )
    means = changes(frame).mean()
    assert means["change_rate"] == 0.5
    assert means["edit_distance_ratio"] == pytest.approx(1.15 / 4)
    assert means["identical"] == 0.5
    filled = {name: share for name, share in means[list(BIN_NAMES)].items() if share}
    assert filled == {"ratio_from_0.00": 0.5, "ratio_from_0.15": 0.25, "ratio_from_0.95": 0.25}
