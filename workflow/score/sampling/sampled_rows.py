"""Rows of sampled.parquet, a rollout each.

problem_id, level, question, answer (JSON text)
sample        which first attempt at the problem, from 0
correction    which continuation of that first attempt, from 0
attempt_t1, tokens_t1, truncated_t1, ids_t1, attempt_t2, …
              of each turn the text, how many token ids, whether they ran into the limit, and
              the ids exactly as sampled, with their end-of-turn token unless truncated
critique_t2, critique_tokens_t2, …
              of the critique before an attempt, where the policy was asked for one
prompt_ids    the token ids up to attempt 1
"""

import json

from score.problems.problem import Problem
from score.sampling.rollout import Rollout, attempt_texts, texts_of
from score.sampling.shards import Job


def rollout_rows(
    problems: dict[str, Problem],
    jobs: list[Job],
    correction: int,
    rollouts: list[Rollout],
    tokenizer,
) -> list[dict]:
    """R rows for the rollouts of R jobs: all the same continuation of their first attempts.

    problems: by id.
    """
    texts = attempt_texts(rollouts, tokenizer)
    critiques = texts_of([rollout.critiques for rollout in rollouts], tokenizer)
    rows = []
    for (problem_id, sample), rollout, of_turns, between in zip(
        jobs, rollouts, texts, critiques, strict=True
    ):
        problem = problems[problem_id]
        row = {
            "problem_id": problem_id,
            "level": problem.level,
            "question": problem.question,
            "answer": json.dumps(problem.answer, ensure_ascii=False),
            "sample": sample,
            "correction": correction,
        }
        for t, text in enumerate(of_turns, start=1):
            if t > 1 and between:
                row[f"critique_t{t}"] = between[t - 2]
                row[f"critique_tokens_t{t}"] = len(rollout.critiques[t - 2])
            row[f"attempt_t{t}"] = text
            row[f"tokens_t{t}"] = len(rollout.attempts[t - 1])
            row[f"truncated_t{t}"] = rollout.truncated[t - 1]
            row[f"ids_t{t}"] = rollout.attempts[t - 1]
        rows.append({**row, "prompt_ids": rollout.prompt})
    return rows
