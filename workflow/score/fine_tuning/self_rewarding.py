"""Which trajectories self-rewarding correction imitates [arXiv 2502.19613, section 3.1].

From rollouts in which a policy judged its own attempts, each first attempt with several verifier turns,
these are kept (sequential rejection sampling), with the turns that are imitated (its equation 1):

    wrong attempt, verdict "wrong", right revision      verdict and revision
    right attempt, verdict "wrong", right revision      revision alone, the verdict being a mistake
    right attempt, verdict "correct"                    attempt and verdict

of each first attempt at most one, of right and wrong first attempts equally many. What was cut off at
the token limit is never imitated. Imitating the right attempt keeps up the first turn.

Choices of ours: the authors sample revisions apart from verdicts, telling the policy that it was wrong;
here they are those that followed the policy's own verdict, in the protocol that it is evaluated in.
"""

import json
import random
from collections import defaultdict

import pandas as pd

from score.fine_tuning.pairs import Conversation, drawn, kind, whole

# Of the verifier turn, beside the columns of attempts.
VERDICT_COLUMNS = ("critique_t2", "critique_ids_t2", "self_verdict_t2", "revised_t2")
STANDS = "stands"
# Of each kind of trajectory the turns that are imitated, 1 attempt, 2 verdict, 3 revision.
IMITATED = {STANDS: (1, 2), "incorrect_to_correct": (2, 3), "correct_to_correct": (3,)}


def kept_as(row) -> str | None:
    """What kind of trajectory a judged rollout is, None for one that is not kept."""
    if row.self_verdict_t2 == "correct" and row.correct_t1:
        return STANDS
    mended = row.self_verdict_t2 == "wrong" and row.correct_t2 and not row.truncated_t2
    return kind(row.correct_t1, True) if mended else None


def self_rewarding_conversations(
    rollouts: pd.DataFrame, most: int | None, seed: int
) -> list[Conversation]:
    """The conversations whose last turns are imitated; none without right and wrong first attempts.

    rollouts: prompt_ids, critique_t2, critique_ids_t2, self_verdict_t2, and for t = 1, 2 ids, attempt,
    truncated and correct. most: trajectories of a problem of each kind, drawn by `seed`; None: all.
    """
    of_attempt = defaultdict(list)
    for row in rollouts.itertuples():
        if kept_as(row) is not None:
            of_attempt[row.problem_id, int(row.sample)].append(row)
    of_problem = defaultdict(list)
    for (problem_id, sample), rows in of_attempt.items():
        row = random.Random(json.dumps([seed, problem_id, sample])).choice(rows)
        of_problem[problem_id, kept_as(row)].append(row)
    kept = [
        row
        for (problem_id, became), rows in of_problem.items()
        for row in drawn(rows, most, seed, problem_id, became)
    ]
    sides = [[row for row in kept if bool(row.correct_t1) == right] for right in (False, True)]
    fewest = min(map(len, sides))
    balanced = [row for side in sides for row in drawn(side, fewest, seed, "", "balanced")]
    return [one for row in balanced for one in _conversations(row)]


def _conversations(row) -> list[Conversation]:
    """One for each turn of the trajectory that is imitated."""
    became = kept_as(row)
    turns = whole(row.ids_t1), whole(row.critique_ids_t2), whole(row.ids_t2)
    texts = row.attempt_t1, row.critique_t2, row.attempt_t2
    names = {1: "first_attempt", 2: f"verdict_{row.self_verdict_t2}", 3: became}
    return [
        Conversation(
            row.problem_id,
            int(row.sample),
            int(row.correction),
            names[turn],
            whole(row.prompt_ids),
            turns[:turn],
            texts[:turn],
        )
        for turn in IMITATED[became]
        if turn > 1 or not row.truncated_t1
    ]
