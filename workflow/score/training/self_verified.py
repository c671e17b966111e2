"""Training of a policy that judges its own attempts: what its turns score, and what stands in the end.

Legend of shapes: B rollouts, N attempts, so 2 N − 1 turns, attempts and verifier turns by turns. The
score of a turn that a rollout does not take is nan.
"""

import torch

from score.sampling.rollout import Rollout, texts_of
from score.sampling.self_verified import CORRECT, UNREAD, WRONG, ReadVerdicts
from score.training.batches import Scored
from score.training.methods.pieces import standing


def score_verified(
    attempts: Scored, rollouts: list[Rollout], tokenizer, read: ReadVerdicts
) -> Scored:
    """Scores (B, 2 N − 1): of attempts the verifier's, of verifier turns 1 where they agree with it.

    attempts: what the verifier says of each rollout's N attempts (`as_attempts`). What is unread agrees
    with nothing. texts, stated, verdicts: an attempt that stands counts as the next one too; a verifier
    turn states its verdict, None where it is unread or not taken.
    """
    said = [read.of(rollout) for rollout in rollouts]
    texts = texts_of([rollout.attempts[1::2] for rollout in rollouts], tokenizer)
    scores = torch.full((len(rollouts), len(rollouts[0].attempts)), torch.nan)
    for i, rollout in enumerate(rollouts):
        for turn, taken in enumerate(rollout.attempts):
            if not turn % 2:
                scores[i, turn] = attempts.scores[i, turn // 2] if taken else torch.nan
            elif taken:
                real = CORRECT if attempts.verdicts[i][turn // 2] == "correct" else WRONG
                scores[i, turn] = float(said[i][turn // 2] == real)
    stated = [[None if one == UNREAD else one for one in row] for row in said]
    return Scored(
        scores,
        _by_turns(attempts.texts, texts),
        _by_turns(attempts.stated, stated),
        _by_turns(attempts.verdicts, said),
    )


def _by_turns(attempts: list[list], between: list[list]) -> list[list]:
    """B rows of N and of N − 1 values as rows of 2 N − 1."""
    rows = []
    for values, others in zip(attempts, between, strict=True):
        row = [*values, *others]
        row[::2], row[1::2] = values, others
        rows.append(row)
    return rows


def of_attempts_alone(scored: Scored) -> Scored:
    """What a verifier says of the attempts, those that stand again, without verifier turns."""
    rows = ([row[::2] for row in of_turns] for of_turns in scored[1:])
    return Scored(standing(scored.scores)[:, ::2], *rows)
