"""Judged attempts and training records, constructed for the analyses."""

import pandas as pd


def attempts_of(first="1100", second="1010", level=None):
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


def records_of(rewards, **more):
    rows = [{"step": i, "reward_t1": r, **more} for i, r in enumerate(rewards, start=1)]
    return pd.DataFrame(rows)
