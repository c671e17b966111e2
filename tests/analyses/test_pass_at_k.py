"""pass@k against an enumeration of all subsets, and what it samples."""

import itertools
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from score.analyses.pass_at_k import budgets, main, markdown_text, pass_at_k, pass_table, passes


def test_it_is_the_share_of_subsets_that_hold_a_right_one_in_exact_rationals():
    for samples in range(1, 9):
        for right in range(samples + 1):
            verdicts = [True] * right + [False] * (samples - right)
            for k in range(1, samples + 1):
                subsets = list(itertools.combinations(verdicts, k))
                exact = Fraction(sum(map(any, subsets)), len(subsets))
                assert pass_at_k(np.array(right), samples, k) == pytest.approx(
                    float(exact), abs=1e-14
                )


def test_it_is_stable_where_binomials_are_not_and_grows_with_k():
    right = np.arange(0, 10_001)
    found = pass_at_k(right, 10_000, 64)
    assert found[0] == 0 and found[-1] == 1 and (np.diff(found) >= 0).all()
    # 1 - C(9999, 64) / C(10000, 64) = 64 / 10000
    assert found[1] == pytest.approx(0.0064, rel=1e-12)
    assert (found[10_000 - 63 :] == 1).all()  # fewer than k are wrong


def test_its_mean_over_draws_is_the_chance_that_one_of_k_is_right_also_for_small_n():
    # unbiased: over c ~ Binomial(n, p) the mean is 1 - (1 - p)^k exactly
    p, n = 0.3, 6
    chances = [Fraction(3, 10) ** c * Fraction(7, 10) ** (n - c) for c in range(n + 1)]
    weights = [
        float(x) * len(list(itertools.combinations(range(n), c))) for c, x in enumerate(chances)
    ]
    for k in (1, 2, 5, 6):
        mean = np.dot(weights, pass_at_k(np.arange(n + 1), n, k))
        assert mean == pytest.approx(1 - (1 - p) ** k)


def _rollouts(first, second):
    """A problem a word, a sample a digit, right where it is 1."""
    rows = [
        {"problem_id": f"p{i}", "correct_t1": a == "1", "correct_t2": b == "1"}
        for i, words in enumerate(zip(first, second, strict=True))
        for a, b in zip(*words, strict=True)
    ]
    return pd.DataFrame(rows)


def test_attempt_2_counts_one_correction_of_each_first_attempt():
    rollouts = _rollouts(["1000", "0000"], ["1100", "0001"])
    counted = passes(rollouts)
    assert list(counted) == budgets(4) == [1, 2, 4]
    assert counted[1].to_numpy() == pytest.approx(np.array([[0.25, 0.5, 0.25], [0, 0.25, 0.25]]))
    assert counted[2].to_numpy() == pytest.approx(np.array([[0.5, 5 / 6, 1 / 3], [0, 0.5, 0.5]]))
    others = (~rollouts.iloc[:, 1:]).assign(problem_id=rollouts["problem_id"], correction=1)
    again = pd.concat([rollouts.assign(correction=0), others])
    pd.testing.assert_frame_equal(pass_table({"x": again}), pass_table({"x": rollouts}))
    assert pass_table({"x": again})["samples"].tolist() == [4, 4, 4]


def test_seeds_share_a_row_and_its_interval_and_the_page_says_what_was_sampled():
    rng = np.random.default_rng(1)
    words = [["".join(rng.choice(list("01"), 4)) for _ in range(50)] for _ in range(4)]
    seeds = {"x/seed0": _rollouts(*words[:2]), "x/seed1": _rollouts(*words[2:])}
    table = pass_table(seeds, [1, 4])
    assert table[["arm", "k", "num_seeds", "num_problems"]].values.tolist() == [
        ["x", 1, 2, 50],
        ["x", 4, 2, 50],
    ]
    plain = pd.concat(seeds.values())["correct_t2"].mean()
    row = table.iloc[0]
    assert row["attempt_2"] == pytest.approx(plain)
    assert row["attempt_2_low"] < plain < row["attempt_2_high"]
    page = markdown_text(table)
    assert "| pass@1 " in page and "| pass@4 " in page
    assert "corrections of k first attempts, one for each" in page


def test_more_than_was_sampled_and_uneven_samples_are_refused_by_name(tmp_path):
    _rollouts(["10"], ["11"]).to_parquet(tmp_path / "a.parquet")
    flags = [f"--{name}={tmp_path / name}" for name in ("csv", "figure", "markdown")]
    flags += ["--attempts", f"score/seed1={tmp_path / 'a.parquet'}"]
    with pytest.raises(SystemExit, match="'score/seed1': k is 4; expected 1 to 2, the samples"):
        main([*flags, "--ks", "4"])
    _rollouts(["10", "1"], ["11", "1"]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(SystemExit, match="problem 'p0' has 2 samples and 'p1' 1; expected as many"):
        main(flags)
