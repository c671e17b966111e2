"""Scaling by votes at a budget, worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from score.analyses.scaling import main, scaling, votes
from score.tasks import load_task, vote_key_of

PLAIN = vote_key_of(load_task("qa"))


def _rollouts(answers, gold="a"):
    """answers: problem -> a list of (answer 1, answer 2), one a sample."""
    rows = [
        {
            "problem_id": problem,
            "extracted_t1": first,
            "extracted_t2": second,
            "correct_t1": (first or "").strip().lower() == gold,
            "correct_t2": (second or "").strip().lower() == gold,
            "tokens_t1": 3,
            "tokens_t2": 5,
        }
        for problem, pairs in answers.items()
        for first, second in pairs
    ]
    return pd.DataFrame(rows).astype({"extracted_t1": "string", "extracted_t2": "string"})


# p: two spellings of one right answer; corrections change one wrong answer and lose one right one.
SMALL = {
    "p": [("A", "a"), (" a", "b"), ("b", "a"), (None, None)],
    "q": [("b", "a"), ("b", "c"), ("c", "a"), ("c", "a")],
}


def test_parallel_and_sequential_votes_at_two_budgets_are_those_worked_out_by_hand():
    voted = votes(_rollouts(SMALL), PLAIN, (2, 4))
    # budget 2, parallel: p as above, q has no right one; sequential: half of p, three of four of q
    assert voted[2].loc["p"].tolist()[:3] == pytest.approx([4 / 6, 2 / 4, 2 / 4 - 4 / 6])
    assert voted[2].loc["q"].tolist()[:3] == pytest.approx([0, 3 / 4, 3 / 4])
    # budget 4, sequential, two of the corrections: p a-b, a-a, a-, b-a, b-, a-; q ac aa aa ca ca aa
    assert voted[4].loc["p"].tolist()[:3] == pytest.approx([1, 4 / 6, 4 / 6 - 1])
    assert voted[4].loc["q"].tolist()[:3] == pytest.approx([0, 4.5 / 6, 4.5 / 6])


def test_sequential_at_a_budget_of_two_is_the_accuracy_of_attempt_2_and_row_order_is_nothing():
    rng = np.random.default_rng(2)
    answers = {f"p{i}": rng.choice(["a", "b", "c"], (6, 2)).tolist() for i in range(20)}
    rollouts = _rollouts(answers)
    voted = votes(rollouts, PLAIN, (2, 4))
    plain = rollouts.groupby("problem_id")["correct_t2"].mean()
    assert voted[2]["sequential"].to_numpy() == pytest.approx(plain.to_numpy())
    shuffled = votes(rollouts.sample(frac=1, random_state=0), PLAIN, (2, 4))
    pd.testing.assert_frame_equal(shuffled[4], voted[4])
    again = pd.concat([rollouts.assign(correction=0), rollouts.assign(correction=1)])
    pd.testing.assert_frame_equal(votes(again, PLAIN, (2, 4))[4], voted[4])


def test_the_p_of_one_seed_is_that_of_the_paired_difference():
    # at budget 2 with two samples: 30 problems gain, 10 lose, 160 stay right
    answers = {f"g{i}": [("b", "a")] * 2 for i in range(30)}
    answers |= {f"l{i}": [("a", "b")] * 2 for i in range(10)}
    answers |= {f"s{i}": [("a", "a")] * 2 for i in range(160)}
    table = scaling({"x": _rollouts(answers)}, PLAIN, (2,))
    row = table.iloc[0]
    assert row[["parallel", "sequential", "difference"]].tolist() == pytest.approx(
        [0.85, 0.95, 0.1]
    )
    error = math.sqrt((0.2 - 0.1**2) / 200)
    assert row["difference_low"] == pytest.approx(0.1 - 1.96 * error, abs=1e-5)
    # 30 against 10 as McNemar has it: z = 20 / sqrt(40)
    assert row["p_greater"] == pytest.approx(0.5 * math.erfc(math.sqrt(10 / 2)))


def test_a_few_problems_or_seeds_that_agree_are_not_certain():
    gained = {f"g{i}": [("b", "a")] * 2 for i in range(4)}
    table = scaling({"x": _rollouts(gained)}, PLAIN, (2,))
    assert table["difference"].item() == 1  # and no spread at all
    assert table["p_greater"].item() == pytest.approx(0.5 * math.erfc(2 / math.sqrt(2)))
    # two seeds of 400 problems: one gains 120, the other 80, so their mean varies by 0.05
    seeds = {
        f"x/{seed}": _rollouts(
            {f"p{i}": [("b", "a" if (i * step) % 400 < count else "b")] * 2 for i in range(400)}
        )
        for seed, count, step in ((0, 120, 1), (1, 80, 3))
    }
    row = scaling(seeds, PLAIN, (2,)).iloc[0]
    # at least the share of a Cauchy variable beyond 0.25 / 0.05
    assert row["p_greater"] > 0.5 - math.atan(5) / math.pi > 0.06
    assert row["difference_low"] < 0.25 - 12.7 * 0.05


def test_seeds_of_an_arm_share_a_row_and_equal_votes_prove_nothing():
    same = _rollouts({"p": [("a", "a")] * 2})
    lost = _rollouts({"p": [("a", "b")] * 2})
    table = scaling({"x/seed0": same, "x/seed1": lost, "y": same}, PLAIN, (2,))
    assert table[["arm", "num_seeds", "sequential"]].values.tolist() == [["x", 2, 0.5], ["y", 1, 1]]
    assert table["p_greater"].iloc[1] == 0.5


def test_tokens_are_those_of_the_attempts_that_a_vote_needs_with_their_critiques():
    rollouts = _rollouts(SMALL)
    rollouts.loc[rollouts["problem_id"] == "q", "tokens_t2"] = 9
    voted = votes(rollouts, PLAIN, (2, 4))
    # 4 first attempts of 3 tokens; 2 of 3 with corrections of 5, or 9
    assert voted[4]["tokens_parallel"].tolist() == [12, 12]
    assert voted[4]["tokens_sequential"].tolist() == [16, 24]
    criticised = votes(rollouts.assign(critique_tokens_t2=7), PLAIN, (2, 4))
    assert criticised[4]["tokens_sequential"].tolist() == [30, 38]
    row = scaling({"x": rollouts}, PLAIN, (2,)).iloc[0]
    assert (row["tokens_parallel"], row["tokens_sequential"]) == (6, 10)


def test_too_few_samples_name_the_policy_and_the_setting(tmp_path):
    path = tmp_path / "few.parquet"
    _rollouts(SMALL).to_parquet(path)
    flags = ["--task", "qa", "--csv", str(tmp_path / "t.csv"), "--figure", str(tmp_path / "f.png")]
    flags += ["--attempts", f"score/seed1={path}"]
    with pytest.raises(SystemExit, match=r"'score/seed1': .* has 4 samples.*Set samples: 32 at"):
        main(flags)
    with pytest.raises(SystemExit, match=r"budgets are \[3\]; expected even"):
        main([*flags, "--budgets", "3"])
    assert not (tmp_path / "t.csv").exists()
