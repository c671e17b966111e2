"""First attempts that are not sampled but taken from another policy's sampled.parquet.

So that policies can be compared on what they make of the very same first attempts. Token ids are
carried over unchanged, which needs the same tokenizer and the same prompts: that is checked.
"""

from pathlib import Path

from score.sampling.rollout import Rollout
from score.sampling.sampled_file import read_sampled
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
            raise ValueError(f"{where}: stands there twice; expected once. Sample again.")
        taken[job] = _rollout(row, prompts[job[0]], vocabulary, where)
    _refuse_gaps(taken, prompts, samples or 1, path)
    return taken


def _rollout(row: dict, prompt: list[int], vocabulary: int, where: str) -> Rollout:
    told, attempt = _ids(row, "prompt_ids", where), _ids(row, "ids_t1", where)
    if told != prompt:
        raise ValueError(
            f"{where}: its prompt has other token ids than this policy's ({len(told)} and "
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
