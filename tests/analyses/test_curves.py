"""Training curves of arms, one after what it starts from."""

import pandas as pd
import pytest
from analysed import records_of
from score.analyses.curves import curves, plot


def test_a_curve_goes_on_where_the_policy_it_starts_from_ended():
    records = {
        "one/seed0": records_of([0.1, 0.2, 0.3], unchanged=0.75),
        "one/seed1": records_of([0.3, 0.4, 0.5], unchanged=0.25),
        "two/seed0": records_of([0.6, 0.8]),
        "three/seed0": records_of([0.9]),
        "fine_tuned": pd.DataFrame({"step": [1, 2], "loss": [3.0, 2.0]}),
    }
    chain = {"two/seed0": "one/seed0", "three/seed0": "two/seed0"}
    table = curves(records, chain)
    updates = {arm: part["update"].tolist() for arm, part in table.groupby("arm")}
    assert updates == {"one": [1, 2, 3], "two": [4, 5], "three": [6], "fine_tuned": [1, 2]}
    one = table[table["arm"] == "one"]
    assert one["reward_t1"].tolist() == pytest.approx([0.2, 0.3, 0.4])
    assert one["reward_t1_min"].tolist() == [0.1, 0.2, 0.3]
    assert one["reward_t1_max"].tolist() == [0.3, 0.4, 0.5]
    assert one["answer_change"].tolist() == [0.5] * 3
    assert table[table["arm"] == "fine_tuned"]["reward_t1"].isna().all()
    assert "kl_t1" not in table and "loss" not in table


def test_chains_that_lead_nowhere_or_in_a_circle_are_refused():
    records = {"a": records_of([1]), "b": records_of([1])}
    with pytest.raises(ValueError, match="leads from 'a' to 'c'; expected one of --records"):
        curves(records, {"a": "c"})
    with pytest.raises(ValueError, match="back to"):
        curves(records, {"a": "b", "b": "a"})


def test_seeds_that_stopped_early_at_different_updates_start_the_next_policy_at_one_place():
    records = {
        "one/seed0": records_of([0.1] * 2),
        "one/seed1": records_of([0.1] * 3),
        "two/seed0": records_of([0.6, 0.8]),
        "two/seed1": records_of([0.4]),
    }
    table = curves(records, {f"two/seed{i}": f"one/seed{i}" for i in (0, 1)})
    two = table[table["arm"] == "two"]
    assert two["update"].tolist() == [4, 5]
    assert two["num_seeds"].tolist() == [2, 1]
    assert two["reward_t1"].tolist() == pytest.approx([0.5, 0.8])


def test_validations_are_joined_over_the_updates_between_them_and_shares_are_percent():
    frame = records_of([0.1] * 6, gradient_clipped=1.0, equal_groups_t2=0.25, sampler_gap=0.5)
    frame["validation_accuracy_t2"] = [None, None, 0.5, None, None, 0.75]
    figure = plot(curves({"one": frame}, {}))
    lines = {axis.get_title(): axis.lines[0] for axis in figure.axes}
    validation = lines["right in validation (%), turn 2"]
    assert validation.get_xdata().tolist() == [3, 6]
    assert validation.get_ydata().tolist() == [50.0, 75.0]
    last = {title: line.get_ydata()[-1] for title, line in lines.items()}
    assert last["gradient clipped (%)"] == 100.0
    assert last["groups paid alike (%), turn 2"] == 25.0
    assert last["sampler to trainer (nats)"] == 0.5
