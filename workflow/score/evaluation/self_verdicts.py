"""How good a policy's verdicts on its own attempts are (PAG, arXiv 2506.10406, section 4.2)."""

import pandas as pd


def self_verdict_metrics(attempts: pd.DataFrame, turn: int) -> dict:
    """Of the verifier turn before attempt `turn`, what its verdicts on the attempt before it are worth.

    attempts: one row a rollout, with self_verdict_t{turn} ("correct", "wrong", "unread"; null: the turn
    was not taken), revised_t{turn}, and correct_t{turn - 1}. Returns counts `taken`, `said_wrong`,
    `unread`, and these rates of the rollouts that took the turn; None of no rollouts:

    accuracy         its verdict is that of the verifier; what is unread agrees with nothing
    wrong_precision  of the attempts that it calls wrong, those that are
    wrong_recall     of the wrong attempts, those that it calls wrong
    correct_recall   of the right attempts, those that it calls correct
    revised          an attempt of its own followed, of ALL rollouts
    """
    taken = attempts[attempts[f"self_verdict_t{turn}"].notna()]
    said, right = taken[f"self_verdict_t{turn}"], taken[f"correct_t{turn - 1}"].astype(bool)
    says_wrong, says_correct = said == "wrong", said == "correct"
    return {
        "taken": len(taken),
        "said_wrong": int(says_wrong.sum()),
        "unread": int((~says_wrong & ~says_correct).sum()),
        "accuracy": _share((says_correct & right) | (says_wrong & ~right)),
        "wrong_precision": _share(~right[says_wrong]),
        "wrong_recall": _share(says_wrong[~right]),
        "correct_recall": _share(says_correct[right]),
        "revised": _share(attempts[f"revised_t{turn}"].astype(bool)),
    }


def _share(holds: pd.Series) -> float | None:
    return float(holds.mean()) if len(holds) else None
