"""Analyses: their numbers worked out by hand, their commands from files to a table and a figure."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from score.analyses.changes import BIN_NAMES, changes
from score.analyses.changes import main as analyse_changes
from score.analyses.cost import attempt_length, costs, read_by_instance
from score.analyses.cost import main as analyse_cost
from score.analyses.curves import curves
from score.analyses.curves import main as analyse_curves
from score.analyses.figures import arm_styles
from score.analyses.fixed import correction
from score.analyses.fixed import main as analyse_fixed
from score.analyses.instances import named, read_attempts, read_records
from score.analyses.lengths import lengths
from score.analyses.lengths import main as analyse_lengths
from score.analyses.levels import by_level, in_order
from score.analyses.levels import main as analyse_levels
from score.analyses.scaling import main as analyse_scaling
from score.analyses.successive import main as analyse_successive
from score.analyses.successive import successive

QUICK = {"samples": 20, "seed": 0}


def _attempts(first="1100", second="1010", level=None):
    """A problem a digit, right where it is 1; attempts state `r` or `w` after five letters."""
    rows = {"problem_id": [f"p{i}" for i in range(len(first))]}
    for turn, digits in ((1, first), (2, second)):
        right = [digit == "1" for digit in digits]
        rows[f"correct_t{turn}"] = right
        rows[f"extracted_t{turn}"] = ["r" if r else "w" for r in right]
        rows[f"attempt_t{turn}"] = ["abcde r" if r else "abcde w" for r in right]
        rows[f"tokens_t{turn}"] = [turn * 10 + i for i in range(len(right))]
        rows[f"truncated_t{turn}"] = [not r for r in right]
    frame = pd.DataFrame(rows)
    return frame if level is None else frame.assign(level=level)


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


def test_levels_are_sorted_as_numbers_and_rates_are_of_a_level():
    assert in_order(["10", "9", "2", "9"]) == ["2", "9", "10"]
    assert in_order(["Level 2", "Level 1", "easy"]) == ["Level 1", "Level 2", "easy"]
    seeds = {
        "x/seed0": _attempts("1100", "1010", level=["10", "9", "9", None]),
        "x/seed1": _attempts("1100", "1100", level=["10", "9", "9", None]),
    }
    table = by_level(seeds, **QUICK)
    assert table["level"].tolist() == ["9", "10"] and table["num_problems"].tolist() == [2, 1]
    nine = table.iloc[0]
    # seed 0 loses one of the two and gains the other, seed 1 keeps both as they were
    assert nine[["accuracy_t1", "accuracy_t2", "delta"]].tolist() == [0.5, 0.5, 0]
    assert nine[["incorrect_to_correct", "correct_to_incorrect"]].tolist() == [0.25, 0.25]
    assert nine["incorrect_to_correct_sd"] == pytest.approx(0.5 / 2**0.5)
    floats = by_level({"x": _attempts(level=[1.0, 2.0, 2.0, None])}, **QUICK)
    assert floats["level"].tolist() == ["1", "2"]


def test_conditional_rates_are_of_the_attempts_that_fulfil_the_condition():
    own, fixed = {"x": _attempts("1110", "1101")}, {"x": _attempts("1111", "1110")}
    table = correction({"own": own, "fixed": fixed}, **QUICK).set_index("first_attempts")
    assert table["right_if_right"].tolist() == pytest.approx([2 / 3, 3 / 4])
    assert table.loc["own", "right_if_wrong"] == pytest.approx(1)
    assert np.isnan(table.loc["fixed", "right_if_wrong"])  # no first attempt was wrong
    assert table["delta"].tolist() == pytest.approx([0, -1 / 4])


def test_accuracy_goes_on_over_more_than_two_attempts():
    frame = _attempts("1000", "1100").assign(correct_t3=[True, True, True, False])
    table = successive({"x": frame}, **QUICK)
    assert table["turn"].tolist() == [1, 2, 3]
    assert table["accuracy"].tolist() == [0.25, 0.5, 0.75]
    assert table["delta_from_first"].tolist() == [0, 0.25, 0.5]


def test_lengths_and_truncation_are_of_a_turn():
    table = lengths({"x": _attempts("1100", "1000")}, **QUICK)
    assert table["tokens"].tolist() == [11.5, 21.5] and table["tokens_max"].tolist() == [13, 23]
    assert table["truncated_rate"].tolist() == [0.5, 0.75]


def _records(rewards, **more):
    rows = [{"step": i, "reward_t1": r, **more} for i, r in enumerate(rewards, start=1)]
    return pd.DataFrame(rows)


def test_a_curve_goes_on_where_the_policy_it_starts_from_ended():
    records = {
        "one/seed0": _records([0.1, 0.2, 0.3], unchanged=0.75),
        "one/seed1": _records([0.3, 0.4, 0.5], unchanged=0.25),
        "two/seed0": _records([0.6, 0.8]),
        "three/seed0": _records([0.9]),
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
    records = {"a": _records([1]), "b": _records([1])}
    with pytest.raises(ValueError, match="leads from 'a' to 'c'; expected one of --records"):
        curves(records, {"a": "c"})
    with pytest.raises(ValueError, match="back to"):
        curves(records, {"a": "b", "b": "a"})


def test_costs_follow_the_chain_and_what_was_not_measured_is_unknown():
    records = {
        "one/seed0": _records([1, 1], step_time=2.0, tokens_t1=10, tokens_t2=30),
        "two/seed0": _records([1], step_time=5.0, tokens_t1=10, tokens_t2=60),
        "two/seed1": _records([1], step_time=7.0, tokens_t1=10, tokens_t2=60),
        "star": _records([3, 3], step_time=0.5),
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


def test_files_of_rounds_that_tell_nothing_are_named(tmp_path):
    (tmp_path / "c.json").write_text('{"examples": 3}')
    for path in ("c.json", "missing.json"):
        with pytest.raises(ValueError, match=f"--rounds of policy 'star', .*{path}"):
            read_by_instance("--rounds", [f"star={tmp_path / path}"], attempt_length)


def test_inputs_are_refused_by_the_name_of_the_policy(tmp_path):
    for pairs, message in ((["a"], "holds 'a'"), (["a=1", "a=2"], "names 'a' twice")):
        with pytest.raises(ValueError, match=message):
            named("--attempts", pairs)
    frame, path = _attempts(), tmp_path / "a.parquet"
    for spoiled, message in (
        (frame.drop(columns="tokens_t2"), "'tokens_t2'.* are missing. Judge that policy again"),
        (frame[:0], "no rows"),
        (frame.assign(correct_t1=None), "correct_t1 is not all true or false"),
        (frame.drop(columns=["correct_t1"]), "expected 1, 2 and so on"),
    ):
        spoiled.to_parquet(path)
        with pytest.raises(ValueError, match=f"'x', .*{message}"):
            read_attempts("--attempts", [f"x={path}"], ("tokens", "correct"))
    path.write_text("{")
    with pytest.raises(ValueError, match=r"'x', .*a.parquet"):
        read_attempts("--attempts", [f"x={path}"], ("correct",))
    with pytest.raises(ValueError, match="records of policy 'x'"):
        read_records("--records", [f"x={path}"])


@pytest.fixture
def files(tmp_path):
    """Paths of judged attempts, training records and budgets of two arms, one with two seeds."""
    rng = np.random.default_rng(0)
    level = [str(1 + i % 3) for i in range(12)]
    for name in ("base", "score-0", "score-1"):
        digits = ["".join(rng.choice(list("01"), 12)) for _ in range(2)]
        _attempts(*digits, level=level).to_parquet(tmp_path / f"{name}.parquet")
        rows = [{"step": i, "reward_t1": i / 9, "step_time": 1.0} for i in range(1, 9)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    budget = {"attempts": 100, "updates": 8, "tuning_attempts": 0}
    (tmp_path / "budgets.json").write_text(json.dumps({"base": budget, "score": budget}))
    return tmp_path


def _pairs(files, ending):
    names = {"base": "base", "score/seed0": "score-0", "score/seed1": "score-1"}
    return [f"{name}={files / file}.{ending}" for name, file in names.items()]


@pytest.mark.parametrize(
    ("command", "own_flags", "rows"),
    [
        (analyse_changes, ["--train-attempts", "parquet"], 4),
        (analyse_levels, [], 6),
        (analyse_fixed, ["--fixed", "parquet"], 4),
        (analyse_successive, [], 4),
        (analyse_lengths, [], 4),
        (analyse_curves, ["--records", "jsonl"], 16),
        (analyse_cost, ["--records", "jsonl", "--budgets", "budgets.json", "--json", "c.json"], 2),
        (analyse_scaling, ["--task", "puzzle", "--budgets", "2"], 2),
    ],
)
def test_commands_write_a_table_and_a_figure_that_repeat(files, command, own_flags, rows):
    flags = ["--csv", str(files / "t.csv"), "--figure", str(files / "f.png"), "--arms", "base"]
    if command is not analyse_curves:
        flags += ["--attempts", *_pairs(files, "parquet"), "--bootstrap-samples", "50"]
    for word in own_flags:
        many = word in ("parquet", "jsonl")
        flags += _pairs(files, word) if many else [str(files / word) if ".json" in word else word]
    if command is analyse_scaling:  # two samples of each problem
        for path in files.glob("*.parquet"):
            pd.concat([pd.read_parquet(path)] * 2).to_parquet(path)
    command(flags)
    table, figure = (files / "t.csv").read_bytes(), (files / "f.png").read_bytes()
    read = pd.read_csv(io.BytesIO(table))
    assert len(read) == rows and set(read["arm"]) == {"base", "score"}
    pixels = np.asarray(Image.open(io.BytesIO(figure)).convert("RGB"))
    assert pixels.shape[0] > 200 and pixels.shape[1] > 600
    drawn = {"black": (0, 0, 0), "of score": (0, 0x72, 0xB2)}
    if command is not analyse_changes:  # whose bars let the grid shine through
        assert all((pixels == colour).all(axis=2).sum() > 20 for colour in drawn.values())
    assert 0.005 < (pixels < 250).any(axis=2).mean() < 0.9
    command(flags)
    assert (files / "f.png").read_bytes() == figure and (files / "t.csv").read_bytes() == table
    if command is analyse_cost:
        told = json.loads((files / "c.json").read_text())
        assert told["score"] == {
            "attempts": 100,
            "updates": 8,
            "tuning_attempts": 0,
            "tokens": None,
            "seconds": 8,
        }


def test_without_levels_the_table_has_a_header_alone_and_the_figure_says_so(files):
    for path in files.glob("*.parquet"):
        pd.read_parquet(path).drop(columns="level").to_parquet(path)
    flags = ["--csv", str(files / "t.csv"), "--figure", str(files / "f.png")]
    analyse_levels([*flags, "--attempts", *_pairs(files, "parquet")])
    header, *rest = (files / "t.csv").read_text().splitlines()
    assert header.startswith("arm,level,num_seeds,num_problems,accuracy_t1,") and not rest
    pixels = np.asarray(Image.open(files / "f.png").convert("L"))
    assert (pixels < 250).mean() > 0.005


def test_an_arm_keeps_its_colour_in_figures_that_show_fewer_arms():
    arms = ["base", *"abcdefghijk"]
    everywhere = arm_styles(None, arms)
    assert len({(s.colour, s.dash) for s in everywhere.values()}) == len(arms)
    some = arm_styles(arms, ["k", "base", "b", "k"])
    assert list(some) == ["k", "base", "b"]
    assert all(everywhere[arm] == style for arm, style in some.items())


def test_records_of_rounds_follow_on_each_other_and_a_round_may_have_none(tmp_path):
    rounds = [[{"step": 1, "step_time": 2.0}, {"step": 2, "step_time": 3.0}], [], [{"step": 1}]]
    for i, lines in enumerate(rounds):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"{i}.jsonl").write_text(text)
    frame = read_records("--records", [f"star={tmp_path / f'{i}.jsonl'}" for i in range(3)])["star"]
    assert list(frame["step"]) == [1, 2, 3]
    assert frame["step_time"].sum() == 5.0
