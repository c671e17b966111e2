"""Puzzles: attempts are one answer where they pick the same numbers."""

import itertools

import pytest
from score.tasks import puzzle

PUZZLE_KEYS = [  # two attempts at `4 9 13 19 2 7 make 26`, whether they count as one answer, why
    ("-13 =13 -4 =9 -9 =0", "-9 =17 -13 =4 -4 =0", True, "another order of the same picks"),
    ("-13 =13 -4 =9 -9 =0", "-13 =13 -4 =9 -9 =1", False, "a wrong remainder"),
    ("-13 =13 -4 =9 -9 =0", "-13 =14 -4 =10 -9 =1", False, "another target than the puzzle's"),
    ("-13 =13 -4 =9 -9 =0", "-13 =14 -4 =9 -9 =0", False, "a slip on the way to nothing left"),
    ("-13 =13 -4 =9 -9 =0", "-13 =13 -4 =9 -7 =2", False, "other picks"),
    ("-19 =7 -13 bust -2 bust", "-2 =24 -13 =11 -19 bust", True, "bust is bust in any order"),
    ("-13 =13 -4 =9 -9 =0", "-1_3 =13 -4 =9 -9 =0", False, "no number that a policy writes"),
    ("-13 =13 -4 =9 -9 =0", "a b c d e f", False, "words"),
    ("-13 =13 -4 =9 -9 =0", f"-13 ={'9' * 5000} -4 =9 -9 =0", False, "a number beyond all bounds"),
    ("-13", "", False, "too little"),
]


@pytest.mark.parametrize("one, other, same, why", PUZZLE_KEYS, ids=[c[3] for c in PUZZLE_KEYS])
def test_puzzle_attempts_vote_by_their_picks(one, other, same, why):
    assert (puzzle.vote_key(one) == puzzle.vote_key(other)) is same


def test_no_wrong_puzzle_attempt_votes_with_a_right_one():
    answer = "1 2 3 4 5 6 make 9 : -6 =3 -2 =1 -1 =0"
    words = [f"={n}" for n in range(-1, 10)] + ["bust"]
    keys = {True: set(), False: set()}
    for picks in itertools.permutations((1, 2, 3, 4, 5), 3):
        for first, second in itertools.product(words, words):
            for last in ("=0", "=1", "bust"):
                said = [f"-{picks[0]}", first, f"-{picks[1]}", second, f"-{picks[2]}", last]
                right = puzzle.grade(" ".join(said), answer, "puzzle_acc") == 1.0
                keys[right].add(puzzle.vote_key(" ".join(said)))
    assert keys[True] == {"1 3 5 =0", "2 3 4 =0"}
    assert not keys[True] & keys[False]
