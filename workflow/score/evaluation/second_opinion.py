"""Second opinions on all verdicts of an evaluation (score.verifiers.second_opinion).

What the two graders don't agree on is counted in metrics.json and listed in a file beside it.
"""

import json

import pandas as pd


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
