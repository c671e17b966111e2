"""Majority votes worked out by hand and by listing every subset."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from score.analyses.majority import vote_accuracy


@pytest.mark.parametrize(
    ("voters", "accuracy"),
    [
        (1, 2 / 4),  # a right one, twice of four times
        (2, 4 / 6),  # AA, A-, A- right, AB and AB a tie, B- wrong
        (3, 3 / 4),  # AAB, AA- right, AB- twice a tie
        (4, 1.0),  # two As against one B
    ],
)
def test_two_right_answers_a_wrong_one_and_none_at_all(voters, accuracy):
    keys, correct = np.array([[0, 0, 1, -1]]), np.array([[True, True, False, False]])
    assert vote_accuracy(keys, correct, voters) == pytest.approx([accuracy])


def test_a_vote_without_voters_is_wrong_and_three_way_ties_count_a_third():
    keys = np.array([[-1, -1, -1], [0, 1, 2], [0, 0, 0]])
    correct = np.array([[False] * 3, [False, True, False], [True, True, False]])
    # in the last problem an answer was judged both ways: it is as right as its voters
    assert vote_accuracy(keys, correct, 3) == pytest.approx([0, 1 / 3, 2 / 3])


def _by_listing(keys, correct, voters):
    total = []
    for subset in itertools.combinations(range(len(keys)), voters):
        counted = Counter(keys[i] for i in subset if keys[i] >= 0)
        winners = [key for key, n in counted.items() if n == max(counted.values())]
        right = [np.mean([correct[i] for i in subset if keys[i] == key]) for key in winners]
        total.append(np.mean(right) if winners else 0.0)
    return np.mean(total)


def test_votes_equal_the_mean_over_all_subsets_and_drawn_ones_come_close():
    rng = np.random.default_rng(1)
    keys = rng.integers(-1, 4, (30, 10))
    correct = keys == 0
    for voters in (1, 3, 5, 10):
        listed = [_by_listing(k, c, voters) for k, c in zip(keys, correct, strict=True)]
        assert vote_accuracy(keys, correct, voters) == pytest.approx(listed)
    exact, drawn = (vote_accuracy(keys, correct, 5, subsets=n) for n in (252, 251))
    assert 0 < np.abs(exact - drawn).max() < 4 * 0.5 / math.sqrt(251)
    assert abs(exact.mean() - drawn.mean()) < 0.03
    for voters in (0, 11):
        with pytest.raises(ValueError, match=f"voters is {voters}; expected 1 to 10"):
            vote_accuracy(keys, correct, voters)
