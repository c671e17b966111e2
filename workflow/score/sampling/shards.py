"""Finished rollouts on disk while sampling goes on, so that an interrupted evaluation loses little.

A folder holds `made_with.json`, which says what the rollouts depend on, and shards: JSON lists of
rows of sampled.parquet, each named by the digest of its contents. All is written to a temporary
name, synced and renamed. Shards are only ever read by sampling that would make the same rows, and
what is damaged is sampled again, which gives the same rows.
"""

import hashlib
import json
from pathlib import Path

from score.files.atomic import remove_folder, replace_file, sweep
from score.files.manifest import read_checked, write_checked

Job = tuple[str, int]  # problem id, sample

_PROVENANCE = "made_with.json"


def job_of(row: dict) -> Job:
    """The job whose rollout a row of sampled.parquet holds."""
    return row["problem_id"], row["sample"]


def missing_batches(
    prompts: dict[str, list[int]], samples: int, batch_size: int, done: set[Job]
) -> list[list[Job]]:
    """Batches of jobs of similar length, the longest first, without what is done.

    Batches are cut before what is done is left out, so those of a rerun are those of the first run
    and their arithmetic rounds alike.
    """
    jobs = [(problem_id, sample) for problem_id in prompts for sample in range(samples)]
    jobs.sort(key=lambda job: -len(prompts[job[0]]))
    cut = [jobs[i : i + batch_size] for i in range(0, len(jobs), batch_size)]
    missing = [[job for job in batch if job not in done] for batch in cut]
    return [batch for batch in missing if batch]


def open_shards(folder: Path, provenance: dict) -> list[dict]:
    """Rows of the whole shards in `folder`, made where there is none.

    A folder whose shards were made with anything else is set aside under another name, with a line
    that says what differs. Only the first process may call this, before any shard is written.
    """
    sweep(folder)
    path = folder / _PROVENANCE
    differing = _differing(path, provenance) if any(folder.glob("*.json")) else []
    if differing:
        aside = _free_name(folder)
        folder.rename(aside)
        print(
            f"shards in {folder} are not of these settings ({', '.join(differing)}): they are "
            f"set aside in {aside}, which may be deleted, and sampling starts anew",
            flush=True,
        )
    folder.mkdir(parents=True, exist_ok=True)
    if _differing(path, provenance):
        write_checked(path, provenance)
    return _read_rows(folder)


def write_shard(folder: Path, rows: list[dict]) -> None:
    """Write one shard; RuntimeError where the disk doesn't take it. Earlier shards are untouched."""
    content = json.dumps(rows, ensure_ascii=False).encode()
    replace_file(folder / f"{_digest(content)}.json", content)


def _read_rows(folder: Path) -> list[dict]:
    rows = []
    for path in sorted(folder.glob("*.json")):
        if path.name == _PROVENANCE:
            continue
        try:
            content = path.read_bytes()
            whole = _digest(content) == path.stem
        except PermissionError:
            raise
        except OSError:  # a folder, or a part of the disk that can't be read any more
            whole = False
        if whole:
            rows += json.loads(content)
        else:
            aside = path.with_name(f"{path.name}.damaged")
            remove_folder(aside)
            path.rename(aside)
            print(
                f"{path} is not what was written: it is set aside as {aside.name}, and its problems are "
                "sampled again",
                flush=True,
            )
    return rows


def _differing(path: Path, provenance: dict) -> list[str]:
    """The names under which `provenance` differs from what the folder tells."""
    try:
        old = read_checked(path)
    except ValueError as error:
        return [str(error)]
    return sorted(key for key in {*old, *provenance} if old.get(key) != provenance.get(key))


def _free_name(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.set-aside-{number}")).exists():
        number += 1
    return aside


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]
