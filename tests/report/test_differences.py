"""Word differences as lengths of what was kept, removed and added."""

import random

import pytest
from score.report.differences import MOST_WORDS, word_runs
from score.report.text_pieces import units


def _parts(before, after):
    """The texts that the runs name: kept, removed and added ones; ASCII."""
    kept, removed, added, i, k = [], [], [], 0, 0
    runs = word_runs(before, after)
    for equal, lost, gained in zip(runs[::3], runs[1::3], runs[2::3], strict=True):
        assert before[i : i + equal] == after[k : k + equal]
        kept.append(before[i : i + equal])
        removed.append(before[i + equal : i + equal + lost])
        added.append(after[k + equal : k + equal + gained])
        i, k = i + equal + lost, k + equal + gained
    assert (i, k) == (len(before), len(after))
    return kept, removed, added


def test_changed_words_are_named_and_neighbours_are_joined():
    kept, removed, added = _parts("the sum is ten today", "the sum is twelve now today")
    assert kept == ["the sum is ", " today"]
    assert (removed, added) == (["ten", ""], ["twelve now", ""])


def test_formula_changes_as_one_word():
    _, removed, added = _parts("so $x + 1$ it is", "so $x + 2$ it is")
    assert removed[0] == "$x + 1$" and added[0] == "$x + 2$"


@pytest.mark.parametrize(("before", "after"), [("", ""), ("", "a b"), ("a b", ""), ("a", "a")])
def test_empty_and_equal_texts_have_runs_too(before, after):
    _parts(before, after)


def test_runs_always_put_both_texts_together_again():
    draw = random.Random(0)
    for _ in range(300):
        before, after = ("".join(draw.choices("ab $.\n", k=draw.randrange(30))) for _ in range(2))
        _parts(before, after)


def test_runs_count_as_javascript_does():
    runs = word_runs("𝒳 a", "𝒳 b")
    assert runs == [units("𝒳 "), 1, 1] == [3, 1, 1]


def test_texts_that_are_too_long_are_not_compared():
    assert word_runs("a " * MOST_WORDS, "b") is None
