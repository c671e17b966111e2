"""What a training costs, with what it starts from; what was not measured is unknown."""

import pandas as pd
import pytest
from analysed import records_of
from score.analyses.cost import attempt_length, costs, plot, read_by_instance


def test_costs_follow_the_chain_and_what_was_not_measured_is_unknown():
    records = {
        "one/seed0": records_of([1, 1], step_time=2.0, tokens_t1=10, tokens_t2=30),
        "two/seed0": records_of([1], step_time=5.0, tokens_t1=10, tokens_t2=60),
        "two/seed1": records_of([1], step_time=7.0, tokens_t1=10, tokens_t2=60),
        "star": records_of([3, 3], step_time=0.5),
        "pair": pd.DataFrame({"step": [1], "loss": [3.0]}),
    }
    kinds = ("attempts", "updates", "tuning_attempts")
    counts = {"base": (0, 0, 0), "one": (600, 2, 0), "two": (1000, 3, 50)}
    counts |= {"star": (1000, 2, 0), "pair": (1000, 1, 0), "never_counted": (None, None, None)}
    budgets = {arm: dict(zip(kinds, row, strict=True)) for arm, row in counts.items()}
    chain = {"two/seed0": "one/seed0", "two/seed1": "one/seed0"}
    lengths, sampling = {"star": [8, 12]}, {"star": [20.0, 21.0]}
    table = costs(budgets, records, chain, lengths, sampling).set_index("arm")
    assert table.loc[["base", "one", "two", "star"], "seconds"].tolist() == [0, 4, 10, 42]
    # two: 600 attempts of 20 tokens in what it starts from, and its own 400 of 35
    assert table.loc[["base", "one", "two", "star"], "tokens"].tolist() == [0, 12e3, 26e3, 10e3]
    assert table.loc[["pair", "never_counted"], ["seconds", "tokens"]].isna().all(axis=None)
    assert table.loc["two", list(kinds)].tolist() == [1000, 3, 50]
    assert table.loc["never_counted", list(kinds)].isna().all()


def test_recorded_tokens_are_the_cost_unless_some_attempts_were_sampled_ahead():
    records = {
        "one": records_of([1, 1], tokens_t1=10, tokens_t2=30, sampled_tokens=7000),
        "ahead": records_of([1], tokens_t1=10, tokens_t2=30, sampled_tokens=7000, offline=0.5),
        "early": records_of([1], tokens_t1=10, sampled_tokens=50),
    }
    spent = {"attempts": 600, "updates": 2, "tuning_attempts": 0}
    unknown = dict.fromkeys(spent)  # a training that may stop early
    table = costs({"one": spent, "ahead": spent, "early": unknown}, records, {})
    assert table["tokens"].tolist() == [14_000, 600 * 20, 50]


def test_files_of_rounds_that_tell_nothing_are_named(tmp_path):
    (tmp_path / "c.json").write_text('{"examples": 3}')
    for path in ("c.json", "missing.json"):
        with pytest.raises(ValueError, match=f"--rounds of 'star', .*{path}"):
            read_by_instance("--rounds", [f"star={tmp_path / path}"], attempt_length)


def test_what_nothing_is_known_of_has_no_panel():
    known = {"seconds": [0.0, 60.0], "tokens": [0.0, 5000.0]}
    unknown = {"attempts": [0.0, None], "updates": [0.0, None]}
    accuracy = {"accuracy_t2": 0.5, "accuracy_t2_low": 0.4, "accuracy_t2_high": 0.6}
    table = pd.DataFrame(
        {"arm": ["base", "trained"], "num_seeds": 1, **accuracy, **known, **unknown}
    )
    headings = [axis.get_title() for axis in plot(table).axes]
    assert headings == ["accuracy of attempt 2", "tokens sampled", "time it took"]
