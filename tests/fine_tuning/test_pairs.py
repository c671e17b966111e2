"""Which pairs are imitated: hand-written rollouts in, the exact pairs out."""

import pandas as pd
import pytest
from score.fine_tuning.pairs import is_kept, sample_pairs, self_taught_pairs

# problem, sample, correction, score of attempt 1, score of the correction, correction cut off?
ROLLOUTS = [
    ("a", 0, 0, 0.0, 1.0, False),
    ("a", 0, 1, 0.0, 0.0, False),
    ("a", 0, 2, 0.0, 1.0, True),  # right, but does not end
    ("a", 1, 0, 1.0, 1.0, False),
    ("a", 1, 1, 1.0, 0.0, False),
    ("b", 0, 0, 0.5, 0.5, False),
    ("b", 1, 0, 0.2, 0.4, False),
    ("b", 2, 0, 0.4, 0.2, False),
    ("c", 0, 0, 0.0, 0.0, False),
]


def rollouts(rows=ROLLOUTS):
    """Ids tell where they come from: attempt 1 of sample s is [10 + s, 1], its correction c
    [100 + 10 s + c, 1]. With f1, 0.5 counts as correct."""
    names = ["problem_id", "sample", "correction", "score_t1", "score_t2", "truncated_t2"]
    table = pd.DataFrame(rows, columns=names)
    table["prompt_ids"] = [[5, 6]] * len(table)
    table["ids_t1"] = [[10 + s, 1] for s in table["sample"]]
    table["ids_t2"] = [[100 + 10 * r.sample + r.correction, 1] for r in table.itertuples()]
    for t in (1, 2):
        table[f"correct_t{t}"] = table[f"score_t{t}"] >= 0.5
        table[f"attempt_t{t}"] = [str(ids[0]) for ids in table[f"ids_t{t}"]]
    return table


def found(pairs):
    return sorted((p.problem_id, p.turns[0][0], p.turns[1][0], p.kind) for p in pairs)


IMPROVING = [
    ("a", 10, 100, "incorrect_to_correct"),
    ("b", 11, 110, "incorrect_to_incorrect"),  # 0.2 -> 0.4 of an f1
]
RIGHT_TWICE = ("a", 11, 110, "correct_to_correct")
HALF_TWICE = ("b", 10, 100, "correct_to_correct")
NOTHING_TWICE = [("a", 10, 101, "incorrect_to_incorrect"), ("c", 10, 100, "incorrect_to_incorrect")]


@pytest.mark.parametrize(
    ("keep", "keep_from", "expected"),
    [
        ("improving", 1.0, IMPROVING),
        ("improving", 0.0, IMPROVING),
        ("non_decreasing", 1.0, [*IMPROVING, RIGHT_TWICE]),
        ("non_decreasing", 0.5, [*IMPROVING, RIGHT_TWICE, HALF_TWICE]),
        ("non_decreasing", 0.0, [*IMPROVING, RIGHT_TWICE, HALF_TWICE, *NOTHING_TWICE]),
    ],
)
def test_self_taught_pairs_are_these(keep, keep_from, expected):
    assert found(self_taught_pairs(rollouts(), keep, keep_from, None, 0)) == sorted(expected)


def test_a_correction_is_paired_only_with_the_attempt_that_it_answers():
    """Both corrections of sample 0 and the one of sample 1 answer wrong attempts of one problem."""
    rows = [("a", 0, c, 0.0, 1.0, False) for c in (0, 1)] + [("a", 1, 0, 0.0, 1.0, False)]
    pairs = self_taught_pairs(rollouts(rows), "improving", 1.0, None, 0)
    assert [p.turns for p in pairs] == [
        ([10, 1], [100, 1]),
        ([10, 1], [101, 1]),
        ([11, 1], [110, 1]),
    ]
    assert [(p.sample, p.correction) for p in pairs] == [(0, 0), (0, 1), (1, 0)]


@pytest.mark.parametrize(
    ("scores", "improving", "non_decreasing"),
    [
        ((0.0, 1.0), True, True),
        ((1.0, 1.0), False, True),
        ((0.9, 0.9), False, False),  # equal, but below keep_from
        ((0.1, 0.2), True, True),  # N adds to I and takes nothing away
        ((1.0, 0.9), False, False),
        ((0.0, 0.0), False, False),
    ],
)
def test_filters_of_stasc(scores, improving, non_decreasing):
    assert is_kept(*scores, "improving", 1.0) is improving
    assert is_kept(*scores, "non_decreasing", 1.0) is non_decreasing


def attempts(rows):
    """rows: problem, sample, right?, cut off?; ids as above."""
    table = pd.DataFrame(rows, columns=["problem_id", "sample", "correct_t1", "truncated_t1"])
    table["prompt_ids"] = [[5, 6]] * len(table)
    table["ids_t1"] = [[10 + s, 1] for s in table["sample"]]
    table["attempt_t1"] = [str(ids[0]) for ids in table["ids_t1"]]
    return table


POOL = [
    ("a", 0, False, False),
    ("a", 1, True, False),
    ("a", 2, False, True),  # cut off: an attempt, never a correction
    ("a", 3, True, False),
    ("a", 4, True, True),
    ("b", 0, True, False),  # no wrong one
    ("c", 0, False, False),  # no right one
    ("a", 0, False, False),  # another correction of a sample that is there: counts once
]
WRONG_RIGHT = [("a", s, c, "incorrect_to_correct") for s in (10, 12) for c in (11, 13)]
RIGHT_RIGHT = [
    ("a", s, c, "correct_to_correct") for s, c in [(11, 13), (13, 11), (14, 11), (14, 13)]
]


def test_pairs_of_samples_are_of_one_problem_wrong_then_right_and_for_plus_right_then_right():
    assert found(sample_pairs(attempts(POOL), "improving", None, 0)) == WRONG_RIGHT
    plus = found(sample_pairs(attempts(POOL), "non_decreasing", None, 0))
    assert plus == sorted(WRONG_RIGHT + RIGHT_RIGHT)


def test_limit_draws_by_seed_for_each_problem_and_kind_and_prefers_none():
    pool = attempts(
        [("a", s, s % 2 == 0, False) for s in range(8)]
    )  # 16 wrong-right, 12 right-right
    drawn = [found(sample_pairs(pool, "improving", 3, seed)) for seed in range(400)]
    assert {len(pairs) for pairs in drawn} == {3}
    assert drawn[0] == found(sample_pairs(pool, "improving", 3, 0))
    counts = pd.Series([pair for pairs in drawn for pair in pairs]).value_counts()
    # 1200 draws of 16 pairs: 75 each, with a standard deviation of 8
    assert len(counts) == 16 and 43 < counts.min() and counts.max() < 107
    plus = found(sample_pairs(pool, "non_decreasing", 3, 0))
    assert len(plus) == 6 and set(drawn[0]) < set(plus)  # D+ is D and more


def test_limit_of_a_problem_hangs_neither_on_other_problems_nor_on_the_other_filter():
    rows = [(p, s, 0, 0.0, 1.0, False) for p in "ab" for s in range(9)]
    rows += [("a", s, 0, 1.0, 1.0, False) for s in range(9, 18)]
    whole = found(self_taught_pairs(rollouts(rows), "non_decreasing", 1.0, 2, 3))
    assert len(whole) == 6
    alone = found(self_taught_pairs(rollouts(rows[:9]), "improving", 1.0, 2, 3))
    assert alone == [pair for pair in whole if pair[0] == "a" and pair[3].startswith("inc")]
