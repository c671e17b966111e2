"""Majority votes over subsets of a problem's samples (self-consistency; SCoRe, section 6).

The accuracy of a vote over k of S samples is its expectation over all subsets without replacement. An
attempt without an answer does not vote, and a vote without voters is wrong. Where answers tie, each
is as likely, so a tie counts with the mean over the tied answers. An answer is as right as its voters
are on average: all or none of them, unless answers with different verdicts share a key.
"""

import itertools
import math

import numpy as np

_CELLS_AT_ONCE = 10_000_000  # bounds the memory of the counts of a chunk of problems


def vote_accuracy(
    keys: np.ndarray, correct: np.ndarray, voters: int, *, subsets: int = 500, seed: int = 0
) -> np.ndarray:
    """Expected correctness of the vote over `voters` of the S samples, one value a problem.

    keys: (problems, S) integers, equal for equal answers of a problem, below 0 for no answer; they
    are smaller than S. correct: (problems, S) booleans. subsets: as many are drawn, or all taken
    where there are no more. ValueError unless 1 <= voters <= S.
    """
    problems, size = keys.shape
    if not 1 <= voters <= size:
        raise ValueError(f"voters is {voters}; expected 1 to {size}, the samples of a problem.")
    chosen = _subsets(size, voters, subsets, seed)
    chunk = max(1, _CELLS_AT_ONCE // (len(chosen) * size))
    parts = [
        _vote(keys[start : start + chunk], correct[start : start + chunk], chosen)
        for start in range(0, problems, chunk)
    ]
    return np.concatenate(parts)


def _subsets(size: int, voters: int, subsets: int, seed: int) -> np.ndarray:
    """(subsets, size) zeros and ones: which samples vote."""
    if math.comb(size, voters) <= subsets:
        members = np.array(list(itertools.combinations(range(size), voters)))
    else:
        drawn = np.random.default_rng(seed).random((subsets, size))
        members = np.argpartition(drawn, voters - 1, axis=1)[:, :voters]
    chosen = np.zeros((len(members), size), dtype=np.float32)
    np.put_along_axis(chosen, members, 1.0, axis=1)
    return chosen


def _vote(keys: np.ndarray, correct: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    answers = int(keys.max()) + 1
    if answers < 1:
        return np.zeros(len(keys))
    votes_for = (keys[:, :, None] == np.arange(answers)).astype(np.float32)  # (P, S, answers)
    votes = chosen @ votes_for  # (P, subsets, answers)
    right = chosen @ (votes_for * correct[:, :, None])
    most = votes.max(axis=2, keepdims=True)
    wins = (votes == most) & (most > 0)
    share = np.divide(right, votes, out=np.zeros_like(right), where=votes > 0)
    value = (share * wins).sum(axis=2) / np.maximum(wins.sum(axis=2), 1)
    return value.mean(axis=1, dtype=float)
