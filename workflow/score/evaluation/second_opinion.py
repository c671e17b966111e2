"""A second opinion on every verdict: a report for a person, never a reward.

A verifier that is wrong pays for wrong attempts, and no metric of its own can show it. So a task
may bring another grader that shares nothing with the first (`second_opinion` of score.tasks). What
the two don't agree on is counted in metrics.json and listed in a file beside it.
"""

import json

import pandas as pd

from score.tasks import load_task


def ask_second_opinion(task_type: str, extracted, answers: list, function: str) -> list | None:
    """True (right), False or None (no opinion) for each stated answer; None for a task without one.

    extracted: stated answers, null where nothing was stated, which gives no opinion.
    """
    hook = getattr(load_task(task_type), "second_opinion", None)
    if hook is None:
        return None
    pairs = zip(extracted, answers, strict=True)
    return [None if pd.isna(stated) else _opinion(hook, stated, a, function) for stated, a in pairs]


def _opinion(hook, stated: str, answer, function: str) -> bool | None:
    try:
        opinion = hook(stated, answer, function)
    except Exception:  # a report must not end the judging that it reports on
        return None
    return None if opinion is None else bool(opinion)


def disagreements(judged: pd.DataFrame, turns: list[int]) -> list[dict]:
    """One row for each attempt on which the verifier and the second opinion differ, by turn."""
    rows = []
    for turn in turns:
        if f"second_opinion_t{turn}" not in judged:
            continue
        opinions, correct = judged[f"second_opinion_t{turn}"], judged[f"correct_t{turn}"]
        differing = judged[opinions.notna() & (opinions.fillna(False) != correct)]
        rows += [_row(row, turn) for row in differing.to_dict("records")]
    return rows


def _row(row: dict, turn: int) -> dict:
    return {
        "problem_id": row["problem_id"],
        "sample": int(row.get("sample", 0)),
        "correction": int(row.get("correction", 0)),
        "turn": turn,
        "extracted": row[f"extracted_t{turn}"],
        "answer": json.loads(row["answer"]),
        "verdict": row[f"verdict_t{turn}"],
        "second_opinion": "correct" if row[f"second_opinion_t{turn}"] else "incorrect",
    }
