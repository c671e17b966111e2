"""What the verifier says of rollouts, as tensors. Legend of shapes: B rollouts, N turns."""

from collections.abc import Callable

import torch

from score.sampling.rollout import Rollout, attempt_texts

# (attempts, answers) -> one score in [0, 1] each, or objects that float() turns into one.
Score = Callable[[list[str], list], list]


def score_attempts(
    verifier: Score, rollouts: list[Rollout], answers: list, tokenizer
) -> tuple[torch.Tensor, list[list]]:
    """Scores (B, N) of rollouts, and the answers that each states in its turns (else their texts).

    answers: the reference answer of each rollout's problem.
    """
    rows = attempt_texts(rollouts, tokenizer)
    texts = [text for row in rows for text in row]
    turns = len(texts) // len(rows)
    verdicts = verifier(texts, [answer for answer in answers for _ in range(turns)])
    stated = [getattr(v, "extracted", t) for v, t in zip(verdicts, texts, strict=True)]
    scores = torch.tensor([float(verdict) for verdict in verdicts])
    return scores.view(-1, turns), [stated[i : i + turns] for i in range(0, len(stated), turns)]
