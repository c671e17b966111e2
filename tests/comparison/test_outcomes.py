"""Outcomes: instances grouped to arms at the same problems, and files that don't fit."""

import numpy as np
import pandas as pd
import pytest
from judged import write_attempts
from score.comparison.outcomes import read_arms


def test_instances_are_grouped_and_problems_are_in_one_order_whatever_the_rows(tmp_path):
    one = write_attempts(tmp_path / "1", [1, 0, 0], [1, 1, 0], ids=["a", "b", "c"])
    two = write_attempts(tmp_path / "2", [0, 1, 1], [0, 0, 1], ids=["c", "a", "b"])
    base, score = read_arms([f"base={one}", f"score/seed1={two}", f"score/seed0={one}"])
    assert (base.name, base.seeds, base.one_rollout) == ("base", ("",), True)
    assert (score.name, score.seeds) == ("score", ("seed1", "seed0"))
    # a row a problem: right twice, lost, gained, unchanged
    np.testing.assert_array_equal(score.outcomes[1], [[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_array_equal(score.outcomes[0], [[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 1]])


def test_a_problem_of_several_rollouts_has_their_mean(tmp_path):
    path = write_attempts(tmp_path / "1", [1, 0, 0], [1, 1, 0], ids=["b", "b", "a"])
    (arm,) = read_arms([f"base={path}"])
    assert not arm.one_rollout
    np.testing.assert_array_equal(arm.outcomes[0], [[0, 0, 0, 1], [0.5, 0, 0.5, 0.5]])


def test_other_problems_are_named(tmp_path):
    one = write_attempts(tmp_path / "1", [1, 0, 0], [1, 1, 0], ids=["a", "b", "c"])
    two = write_attempts(tmp_path / "2", [1] * 5, [1] * 5, ids=["a", "v", "w", "x", "y"])
    message = r"'s/0' are not those of 'b': it lacks 2 \(b, c\) and adds 4 \(v, w, x, …\)"
    with pytest.raises(ValueError, match=message):
        read_arms([f"b={one}", f"s/0={two}"])


def test_flags_that_name_no_instance_or_one_twice_are_refused(tmp_path):
    path = write_attempts(tmp_path / "1", [1], [1])
    for pairs, message in (
        ([f"{path}"], "expected arm/seed=path"),
        ([f"={path}"], "expected arm/seed=path"),
        ([f"/seed0={path}"], "expected arm/seed=path"),
        ([f"a/={path}"], "expected arm/seed=path"),
        ([f"a={path}", f"a={path}"], "names 'a' twice"),
        ([f"a={path}", f"a/seed0={path}"], "an instance without a seed and 1 with"),
    ):
        with pytest.raises(ValueError, match=message):
            read_arms(pairs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="extracted_t2"), "can't be read: .*extracted_t2"),
        (lambda table: table.assign(problem_id=[None]), "problem_id holds a null"),
        (lambda table: table.assign(correct_t2=[None]), "correct_t2 holds something else"),
        (lambda table: table[:0], "correct_t1 is empty"),
    ],
)
def test_attempts_that_can_not_be_counted_are_named(tmp_path, change, message):
    path = write_attempts(tmp_path / "1", [1], [1])
    change(pd.read_parquet(path)).to_parquet(path)
    with pytest.raises(ValueError, match=f"'base', .*1: {message}"):
        read_arms([f"base={path}"])
    path.write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="can't be read"):
        read_arms([f"base={path}"])
    path.unlink()
    with pytest.raises(ValueError, match="no such file"):
        read_arms([f"base={path}"])
