"""A second opinion on a verdict: a report for a person, never a reward.

A verifier that is wrong pays for wrong attempts, and no metric of its own can show it. So a task
may bring another grader that shares nothing with the first (`second_opinion` of score.tasks).
"""


def opinion_of(task, stated: str | None, answer, function: str) -> bool | None:
    """True (right), False, or None where the task has no opinion or nothing was stated.

    task: a module that has `second_opinion`.
    """
    if stated is None:
        return None
    try:
        opinion = task.second_opinion(stated, answer, function)
    except Exception:  # a report must not end the judging that it reports on
        return None
    return None if opinion is None else bool(opinion)
