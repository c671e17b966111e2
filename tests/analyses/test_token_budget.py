"""Accuracy over the tokens that were sampled so far."""

import pytest
from analysed import records_of
from score.analyses.token_budget import plot, token_budget


def test_tokens_are_counted_from_the_start_of_the_first_policy_in_the_chain():
    records = {
        "one/seed0": records_of([0.1, 0.2], sampled_tokens=10),
        "one/seed1": records_of([0.3, 0.4], sampled_tokens=30),
        "two/seed0": records_of([0.5, 0.6], sampled_tokens=5),
        "two/seed1": records_of([0.7, 0.8], sampled_tokens=7),
    }
    records["two/seed0"]["validation_accuracy_t2"] = [None, 0.5]
    table = token_budget(records, {f"two/seed{i}": f"one/seed{i}" for i in (0, 1)})
    tokens = {arm: part["tokens"].tolist() for arm, part in table.groupby("arm")}
    assert tokens == {"one": [20, 40], "two": [40 + 6, 40 + 12]}
    two = table[table["arm"] == "two"]
    assert two["reward_t1"].tolist() == pytest.approx([0.6, 0.7])
    assert two["reward_t1_min"].tolist() == [0.5, 0.6]
    assert two["validation_accuracy_t2"].dropna().tolist() == [0.5]
    lines = {axis.get_title(): axis.lines for axis in plot(table).axes}
    assert lines["score in training (%), turn 1"][1].get_xdata().tolist() == [46, 52]
    assert lines["right in validation (%), turn 2"][0].get_ydata().tolist() == [50]


def test_records_without_tokens_and_chains_that_lead_nowhere_are_refused():
    with pytest.raises(ValueError, match="records of 'a' lack sampled_tokens"):
        token_budget({"a": records_of([1])}, {})
    newer = {"a": records_of([1], sampled_tokens=1), "b": records_of([1])}
    with pytest.raises(ValueError, match="records of 'b' lack sampled_tokens"):
        token_budget(newer, {"a": "b"})
    with pytest.raises(ValueError, match="leads from 'a' to 'b'; expected one of --records"):
        token_budget({"a": records_of([1], sampled_tokens=1)}, {"a": "b"})
