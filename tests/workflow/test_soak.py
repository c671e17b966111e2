"""Runs that are killed at random end as if they had not been, without a step by hand but --unlock.

SOAK_KILLS=40 SOAK_SEED=1 make test-slow ARGS="tests/workflow/test_soak.py -s"
"""

import json
import os
import shutil

import pytest
from soak import RUN, TABLE, Repository, disturb, plan_kills, undisturbed

pytestmark = pytest.mark.slow
# What the clock decides, or what says where a run was made.
OF_THE_CLOCK = {"step_time"}


def contents(results) -> dict[str, bytes]:
    """Every file of a run but logs and the list of the last start, without what the clock decides."""
    found = {}
    for path in sorted(results.rglob("*")):
        if path.is_file() and path.suffix != ".log" and path.name != "jobs.json":
            found[str(path.relative_to(results))] = _without_clock(path)
    return found


def _without_clock(path) -> bytes:
    if path.name == "training_args.bin":
        return b""
    if path.name == "whole.json":  # digests of files, those two among them
        told = json.loads(path.read_text())["content"]
        told["files"].pop("training_args.bin", None)
        return json.dumps([told["files"], told.get("made_with")], sort_keys=True).encode()
    if path.name != "training.jsonl":
        return path.read_bytes()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kept = [{k: v for k, v in row.items() if k not in OF_THE_CLOCK} for row in rows]
    return json.dumps(kept).encode()


def test_run_that_is_killed_again_and_again_ends_in_the_same_bits_and_leaves_nothing(tmp_path):
    kills = int(os.environ.get("SOAK_KILLS", "8"))
    seed = int(os.environ.get("SOAK_SEED", "1"))
    print(f"SOAK_KILLS={kills} SOAK_SEED={seed}", flush=True)
    repository = Repository(tmp_path)
    took = undisturbed(repository)
    whole = contents(repository.folder / RUN)
    assert TABLE.removeprefix(f"{RUN}/") in whole
    for made in ("results", ".snakemake"):
        shutil.rmtree(repository.folder / made)

    done = disturb(repository, plan_kills(kills, seed), took)
    repository.unlock()
    assert repository.run() == 0, repository.said()
    for what, count in sorted(done.items()):
        print(f"{count:3d} × {what}", flush=True)

    again = contents(repository.folder / RUN)
    assert again.keys() == whole.keys()
    assert [name for name in whole if whole[name] != again[name]] == []
    repository.wait_until_gone()
    assert not repository.locks()
    assert not repository.own_temporaries()
    assert repository.run("-n", TABLE) == 0 and "Nothing to be done" in repository.said()
