"""sampled.parquet, the rollouts of one policy: its rows written, read, and continued by others.

A row is a rollout:

problem_id, level, question, answer (JSON text)
sample        which first attempt at the problem, from 0
correction    which continuation of that first attempt, from 0
attempt_t1, tokens_t1, truncated_t1, ids_t1, attempt_t2, …
              of each turn the text, how many token ids, whether they ran into the limit, and
              the ids exactly as sampled, with the token that ended them unless truncated; with
              prompt_format plain the text lacks the stop string that they end in
critique_t2, critique_tokens_t2, …
              of the critique before an attempt, where the policy was asked for one
self_verdict_t2, revised_t2, …
              where the policy judges its own attempts (prompting pag): what it says of attempt 1,
              "correct", "wrong" or "unread", null where it was not asked, and whether it revised it.
              The critique is the verifier turn's text, critique_ids_t2 its ids as sampled. Where
              attempt 1 stands, attempt 2 is the same text and ids again, of which none was sampled:
              tokens_t2 is 0
prompt_ids    the token ids up to attempt 1
opening       the text that the chat template writes just before each attempt, which may open a
              reasoning block

A policy may also continue the first attempts of another, so that policies can be compared on what
they make of the very same first attempts. Token ids are carried over unchanged, which needs the same
tokenizer and the same prompts: that is checked.
"""

import json
from pathlib import Path

import pandas as pd

from score.files.parquet import read_parquet
from score.problems.problem import Problem
from score.sampling.rollout import Rollout, attempt_texts, texts_of
from score.sampling.shards import Job

_NEEDED = ("problem_id", "sample", "correction", "truncated_t1", "ids_t1", "prompt_ids")


def read_first_attempts(
    path: str | Path, prompts: dict[str, list[int]], samples: int | None, vocabulary: int
) -> dict[Job, Rollout]:
    """Rollouts of one attempt from another policy's sampled.parquet, for each problem and sample.

    samples: the first so many of a problem, all of which must be there; None: all there are, at
    least one. prompts: token ids by problem id, as this policy's tokenizer makes them. vocabulary:
    how many ids that knows. Of several corrections of a first attempt the first is read. ValueError
    where an attempt is missing, or was made on another prompt or with other tokens.
    """
    frame = read_sampled(path)
    missing = [name for name in _NEEDED if name not in frame]
    if missing:
        raise ValueError(
            f"{path} has columns {list(frame)}; expected also {missing}. Sample again."
        )
    chosen = frame["problem_id"].isin(prompts) & (frame["correction"] == 0)
    if samples is not None:
        chosen &= frame["sample"] < samples
    taken: dict[Job, Rollout] = {}
    for row in frame.loc[chosen, list(_NEEDED)].to_dict("records"):
        job = row["problem_id"], int(row["sample"])
        where = f"{path}, problem {job[0]}, sample {job[1]}"
        if job in taken:
            raise ValueError(f"{where}: is there twice; expected once. Sample again.")
        taken[job] = _rollout(row, prompts[job[0]], vocabulary, where)
    _refuse_gaps(taken, prompts, samples or 1, path)
    return taken


def _rollout(row: dict, prompt: list[int], vocabulary: int, where: str) -> Rollout:
    its_prompt, attempt = _ids(row, "prompt_ids", where), _ids(row, "ids_t1", where)
    if its_prompt != prompt:
        raise ValueError(
            f"{where}: its prompt has other token ids than this policy's ({len(its_prompt)} and "
            f"{len(prompt)} of them); expected the same. Take first attempts of a policy with the "
            "same tokenizer, few-shots and task prompts."
        )
    unknown = [token for token in attempt if not 0 <= token < vocabulary]
    if unknown:
        raise ValueError(
            f"{where}: ids_t1 holds {unknown[0]}; expected ids from 0 to {vocabulary - 1}. Take "
            "first attempts of a policy with the same tokenizer."
        )
    truncated = row["truncated_t1"]
    if truncated not in (True, False):
        raise ValueError(f"{where}: truncated_t1 is {truncated}; expected true or false.")
    return Rollout(prompt, [attempt], [], [bool(truncated)])


def _ids(row: dict, name: str, where: str) -> list[int]:
    ids = list(row[name]) if hasattr(row[name], "__iter__") else [None]
    if not all(hasattr(token, "__index__") for token in ids):
        found = str(row[name])[:60]
        raise ValueError(f"{where}: {name} is {found!r}; expected a list of token ids.")
    return [int(token) for token in ids]


def _refuse_gaps(taken: dict[Job, Rollout], prompts: dict, samples: int, path) -> None:
    short = [p for p in prompts if any((p, sample) not in taken for sample in range(samples))]
    if short:
        found = sum((short[0], sample) in taken for sample in range(samples))
        raise ValueError(
            f"{path} has {found} of {samples} first attempts at problem {short[0]} (and too few at "
            f"{len(short) - 1} others); expected samples 0 to {samples - 1} of each. Sample more "
            "there, or lower evaluation samples."
        )


def read_sampled(path) -> pd.DataFrame:
    """The rollouts of one policy. ValueError when the file is missing or no parquet file."""
    if not Path(path).is_file():
        raise ValueError(f"sampled file is {path}; expected an existing file. Sample first.")
    try:
        return read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise ValueError(f"{path} can't be read as parquet: {error}. Sample again.") from None


def rollout_rows(
    problems: dict[str, Problem],
    jobs: list[Job],
    correction: int,
    rollouts: list[Rollout],
    tokenizer,
    opening: str,
) -> list[dict]:
    """R rows for the rollouts of R jobs: all the same continuation of their first attempts.

    problems: by id. opening: see Bridge.
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
        rows.append({**row, "prompt_ids": rollout.prompt, "opening": opening})
    return rows
