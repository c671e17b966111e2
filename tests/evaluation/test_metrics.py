"""Metrics: the numbers of published rows, worked out by hand, and intervals by other means."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from score.evaluation.metrics import (
    RATES,
    answer_change_rate,
    edit_distance_ratio,
    evaluation_metrics,
    second_opinion_counts,
    self_correction,
    turns_of,
)


def _outcomes(both, lost, gained, neither):
    """Booleans of turn 1 and turn 2 for so many problems of each kind."""
    first = [True] * both + [True] * lost + [False] * gained + [False] * neither
    second = [True] * both + [False] * lost + [True] * gained + [False] * neither
    return first, second


def test_counts_of_500_problems_give_the_published_row():
    # 263 right at first, 79 of them lost, 23 gained: the base row of MATH500 in the paper
    row = self_correction(*_outcomes(both=184, lost=79, gained=23, neither=214))
    assert row["num_problems"] == 500
    assert [row[name] for name in RATES] == [0.526, 0.414, -0.112, 0.046, 0.158]


def test_delta_is_gain_less_loss_for_every_outcome_of_four_problems():
    for outcome in itertools.product((False, True), repeat=8):
        first, second = outcome[:4], outcome[4:]
        row = self_correction(first, second, samples=10)
        assert row["accuracy_t1"] == sum(first) / 4 and row["accuracy_t2"] == sum(second) / 4
        assert row["delta"] == row["accuracy_t2"] - row["accuracy_t1"]
        assert row["delta"] == row["incorrect_to_correct"] - row["correct_to_incorrect"]


def test_a_problem_with_several_rollouts_counts_once():
    # a: both rollouts right, then one lost; b: one of four gained
    ids = ["a", "b", "b", "a", "b", "b"]
    row = self_correction([1, 0, 0, 1, 0, 0], [1, 1, 0, 0, 0, 0], ids)
    assert row["num_problems"] == 2
    assert [row[name] for name in RATES] == [0.5, 0.375, -0.125, 0.125, 0.25]


def test_intervals_agree_with_the_normal_approximation_at_500_problems():
    both, lost, gained, neither = 240, 10, 40, 210
    row = self_correction(*_outcomes(both, lost, gained, neither))
    shares = {"accuracy_t1": 0.5, "accuracy_t2": 0.56}
    shares |= {"incorrect_to_correct": 0.08, "correct_to_incorrect": 0.02}
    variances = {name: share * (1 - share) for name, share in shares.items()}
    variances["delta"] = 0.08 + 0.02 - 0.06**2  # paired: far below the sum of two accuracies'
    for name, variance in variances.items():
        half = 1.96 * math.sqrt(variance / 500)
        assert row[f"{name}_low"] == pytest.approx(row[name] - half, abs=0.0035)
        assert row[f"{name}_high"] == pytest.approx(row[name] + half, abs=0.0035)


def test_intervals_agree_with_drawing_whole_problems_one_by_one():
    rng = np.random.default_rng(5)
    skill = np.repeat(rng.random(60), 8)  # 60 problems of 8 rollouts that go together
    first, second = rng.random(480) < skill, rng.random(480) < skill
    row = self_correction(first, second, np.repeat(np.arange(60), 8), samples=20_000)
    means = (second.astype(float) - first).reshape(60, 8).mean(axis=1)
    drawn = means[rng.integers(60, size=(20_000, 60))].mean(axis=1)
    for end, tail in (("low", 0.025), ("high", 0.975)):  # resampled deltas are multiples of 1/480
        assert row[f"delta_{end}"] == pytest.approx(np.quantile(drawn, tail), abs=1.01 / 480)
    single = self_correction(first, second, samples=20_000)
    wide, narrow = (r["accuracy_t1_high"] - r["accuracy_t1_low"] for r in (row, single))
    assert wide > 1.5 * narrow  # rollouts of one problem are no independent evidence


def test_intervals_depend_on_the_seed_alone_and_not_on_row_order():
    first, second = _outcomes(20, 5, 9, 16)
    row = self_correction(first, second, samples=500, seed=3)
    assert row == self_correction(first[::-1], second[::-1], samples=500, seed=3)
    assert row == self_correction(first, second, range(50), samples=500, seed=3)
    assert row != self_correction(first, second, samples=500, seed=4)


@pytest.mark.parametrize(
    ("first", "second", "ids", "message"),
    [
        ([], [], None, "correct_t1 is empty"),
        ([True], [True, False], None, "turn 1 has 1 rollouts and turn 2 2"),
        ([True, None], [True, True], None, "holds something else than true and false"),
        ([0.5], [1.0], None, "holds something else than true and false"),
        ([True, True], [True, True], ["a"], "problem_ids has 1 entries"),
        ([True, True], [True, True], ["a", None], "problem_ids holds a null"),
    ],
)
def test_what_can_not_be_counted_is_refused(first, second, ids, message):
    with pytest.raises(ValueError, match=message):
        self_correction(first, second, ids)


def test_no_resamples_are_refused():
    with pytest.raises(ValueError, match="bootstrap samples is 0"):
        self_correction([True], [False], samples=0)


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        ("kitten", "sitting", 3 / 13),
        ("", "", 0.0),
        ("", "abcd", 1.0),
        ("same", "same", 0.0),
        ("abc", "xyz", 0.5),  # three substitutions
        ("ab", "ba", 0.5),
        ("naïve", "naive", 0.1),
    ],
)
def test_the_edit_distance_is_taken_over_the_sum_of_lengths(before, after, ratio):
    assert edit_distance_ratio(before, after) == pytest.approx(ratio)


def test_stating_nothing_twice_is_no_change_of_answer():
    before = pd.array(["1", None, None, "2"], dtype="string")
    assert answer_change_rate(before, ["1", None, "3", None]) == 0.5


def _attempts():
    """Two problems of three turns: p1 right, wrong, right; p2 wrong, wrong, right."""
    return pd.DataFrame(
        {
            "problem_id": ["p1", "p2"],
            "level": ["1", None],
            "attempt_t1": ["ab", None],
            "attempt_t2": ["ab", "abcd"],
            "attempt_t3": ["ba", "abcd"],
            "extracted_t1": ["ab", None],
            "extracted_t2": ["ab", "abcd"],
            "extracted_t3": ["ba", "abcd"],
            "verdict_t1": ["correct", "no_answer"],
            "verdict_t2": ["timeout", "incorrect"],
            "verdict_t3": ["correct", "correct"],
            "score_t1": [1.0, 0.0],
            "score_t2": [0.0, 0.25],
            "score_t3": [1.0, 1.0],
            "correct_t1": [True, False],
            "correct_t2": [False, False],
            "correct_t3": [True, True],
            "tokens_t1": [3, 8],
            "truncated_t1": [False, True],
        }
    )


def test_the_metrics_of_a_policy_hold_every_turn_and_every_change():
    metrics = evaluation_metrics(_attempts(), samples=100, seed=0)
    assert (metrics["num_problems"], metrics["num_rollouts"]) == (2, 2)
    assert metrics["self_correction"]["delta"] == -0.5
    assert list(metrics["turns"]) == ["1", "2", "3"]
    assert [turn["accuracy"] for turn in metrics["turns"].values()] == [0.5, 0.0, 1.0]
    one, two = metrics["turns"]["1"], metrics["turns"]["2"]
    assert (one["tokens_mean"], one["tokens_max"]) == (5.5, 8)
    assert (one["truncated"], one["truncated_rate"]) == (1, 0.5)
    assert two["mean_score"] == 0.125 and "tokens_mean" not in two
    assert {name: n for name, n in two["verdicts"].items() if n} == {"timeout": 1, "incorrect": 1}
    changes = metrics["changes"]
    assert list(changes) == ["1_to_2", "2_to_3", "1_to_3"]
    assert [change["delta"] for change in changes.values()] == [-0.5, 1.0, 0.5]
    assert [change["answer_change_rate"] for change in changes.values()] == [0.5, 0.5, 1.0]
    # 1 to 2: equal, and empty to four letters; 2 to 3: two of four letters, and equal
    assert [change["edit_distance_ratio"] for change in changes.values()] == [0.5, 0.25, 0.75]
    level = {"num_problems": 1, "accuracy_t1": 1.0, "accuracy_t2": 0.0, "accuracy_t3": 1.0}
    assert metrics["by_level"] == {"1": level}


def test_second_opinions_are_counted_where_one_was_given():
    verdicts = [True, True, True, False, False, False, True]
    opinions = pd.array([True, True, False, False, True, None, None], dtype="boolean")
    assert second_opinion_counts(verdicts, opinions) == {
        "agreements": 3,
        "disagreements": 2,
        "only_verifier_correct": 1,
        "only_second_correct": 1,
        "no_opinion": 2,
    }


def test_turns_are_found_in_order_and_must_have_no_gap():
    names = [f"attempt_t{turn}" for turn in (10, 2, 1, 3, 4, 5, 6, 7, 8, 9)]
    assert turns_of(["problem_id", *names]) == list(range(1, 11))
    for columns in (["attempt_t1"], ["attempt_t1", "attempt_t3"], []):
        with pytest.raises(ValueError, match="expected 1, 2 and so on"):
            turns_of(columns)
