"""Files and shards that a full disk, a kill or an early reader finds whole: the old or the new one."""

import errno
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from score.comparison.tables import write_page
from score.files.atomic import replace_file, replace_folder, written_to
from score.files.errors import SiteError
from score.sampling.shards import open_shards, write_shard
from score.training import candidates, job
from score.training.records import write_records

OLD, NEW = b"old " * 8, b"new " * 4096
MADE_WITH = {"temperature": 1.0, "policy": "a"}
ROWS = [{"problem_id": "p-1", "sample": 0, "attempt_t1": "six × 7"}]


@pytest.fixture(params=[OLD, None], ids=["replaced", "first"])
def old(request, tmp_path):
    """What the file holds before it is written; None where there is no file."""
    if request.param is not None:
        (tmp_path / "result.json").write_bytes(request.param)
    return request.param


@pytest.fixture
def shards(tmp_path):
    folder = tmp_path / "shards"
    open_shards(folder, MADE_WITH)
    write_shard(folder, ROWS)
    return folder


def read(path):
    return path.read_bytes() if path.exists() else None


@contextmanager
def looking(look):
    """Calls `look` at the start and the end of every call in the body, as another process might."""
    before = sys.getprofile()
    sys.setprofile(lambda *event: look())
    try:
        yield
    finally:
        sys.setprofile(before)


@contextmanager
def disk_that_takes(size):
    """The kernel refuses to let a file grow beyond `size` bytes: a write fails half way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def no_rename(error):
    """Every rename fails with `error`."""

    def fail(*args, **kwargs):
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", fail)
        patch.setattr(os, "rename", fail)
        yield


class Killed(BaseException):
    """Stands for the end of the process: nothing that cleans up after errors runs for it."""


def test_a_reader_at_any_moment_finds_the_old_file_or_the_new_one(tmp_path, old):
    """Catches a file that is written in place: a reader would find it empty or cut."""
    target, seen = tmp_path / "result.json", []
    with looking(lambda: seen.append(read(target))):
        replace_file(target, NEW)
    changes = [now for before, now in zip([None, *seen], seen, strict=False) if now != before]
    assert changes == ([NEW] if old is None else [old, NEW])


def test_a_disk_that_fills_up_half_way_leaves_the_file_as_it_was(tmp_path, old):
    """Catches a file that is written in place: what fits on the disk would replace the old one."""
    target = tmp_path / "result.json"
    with disk_that_takes(len(NEW) // 2), pytest.raises((OSError, RuntimeError)):
        replace_file(target, NEW)
    assert read(target) == old
    assert [*tmp_path.glob("*.json")] == ([] if old is None else [target]), "a torn file shows"
    replace_file(target, NEW)
    assert read(target) == NEW


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), Killed()], ids=type)
def test_the_new_file_has_its_name_by_a_rename_alone(tmp_path, old, error):
    """Catches a file that takes its name before all of it is written."""
    target = tmp_path / "result.json"
    with no_rename(error), pytest.raises((OSError, RuntimeError, Killed)):
        replace_file(target, NEW)
    assert read(target) == old
    assert [*tmp_path.glob("*.json")] == ([] if old is None else [target]), "a torn file shows"


def test_a_file_is_on_disk_before_its_name_and_its_name_before_the_return(tmp_path, monkeypatch):
    """Catches a rename that a power cut may keep while it loses what the file holds."""
    fsync, replace, rename, done = os.fsync, os.replace, os.rename, []

    def note_sync(descriptor):
        done.append(("sync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def noted(move):
        def note_move(source, target, **kwargs):
            assert read(type(tmp_path)(source)) == NEW
            done.append(("rename", str(source), str(target)))
            move(source, target, **kwargs)

        return note_move

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", noted(replace))
    monkeypatch.setattr(os, "rename", noted(rename))
    target = tmp_path / "result.json"
    replace_file(target, NEW)
    ((_, partial, _),) = (step for step in done if step[0] == "rename")
    expected = [("sync", partial), ("rename", partial, str(target)), ("sync", str(tmp_path))]
    assert done == expected


def test_no_reader_sees_a_shard_that_is_not_whole(shards):
    """Catches shards, and the note of what made them, that are written in place."""
    seen = {}

    def look():
        for path in shards.glob("*.json"):
            seen.setdefault(path.name, set()).add(path.read_bytes())

    with looking(look):
        assert open_shards(shards, MADE_WITH) == ROWS
        write_shard(shards, [{"problem_id": "p-2", "sample": 0}])
    assert len(seen) == 3
    assert {name: len(contents) for name, contents in seen.items()} == dict.fromkeys(seen, 1)


def test_a_disk_that_is_full_when_sampling_starts_again_loses_no_shard(shards):
    """Catches a note of what made the shards that is written at each start, so torn there."""
    with disk_that_takes(16):
        assert open_shards(shards, MADE_WITH) == ROWS
    assert open_shards(shards, MADE_WITH) == ROWS
    assert [path.name for path in shards.parent.iterdir()] == ["shards"]


def test_what_a_killed_writer_had_begun_is_removed_by_the_next_one(tmp_path):
    target = tmp_path / "result.json"
    with no_rename(Killed()), pytest.raises(Killed):
        replace_file(target, NEW)
    (begun,) = tmp_path.iterdir()  # by this process: that of one which lives is left alone
    replace_file(target, NEW)
    assert target.exists() and not begun.exists(), "its own is written over"
    ended = subprocess.Popen(["true"])
    ended.wait()
    of_dead, of_live, of_others = (
        begun.with_name(begun.name.replace(str(os.getpid()), other))
        for other in (str(ended.pid), "1", f"elsewhere.{ended.pid}")
    )
    for path in (of_dead, of_live, of_others):
        path.touch()
    replace_file(target, NEW)
    assert [path.exists() for path in (of_dead, of_live, of_others)] == [False, True, True]


def test_files_of_a_folder_can_be_read_by_whoever_can_read_the_folder(tmp_path):
    for name, mode in (("open", 0o755), ("own", 0o700)):
        draft = tmp_path / "draft"
        (draft / "below").mkdir(parents=True)
        (draft / "below/model.safetensors").touch(mode=0o600)
        draft.chmod(mode)
        replace_folder(draft, tmp_path / name)
    modes = [
        (tmp_path / name / "below/model.safetensors").stat().st_mode & 0o777
        for name in ("open", "own")
    ]
    assert modes == [0o644, 0o600]


def test_library_that_says_in_words_alone_that_the_disk_is_full_is_understood(tmp_path):
    weights = {"w": torch.zeros(9999)}
    with disk_that_takes(4096), pytest.raises(SiteError, match="draft can't be written: the disk"):
        with written_to(tmp_path / "draft"):
            save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(KeyError), written_to(tmp_path / "draft"):
        raise KeyError("another fault")


@pytest.mark.parametrize("kind", ["policy", "candidate", "records", "shard", "attempts", "page"])
def test_every_writer_says_that_the_disk_is_full_and_where_and_leaves_what_was_there(
    tmp_path, kind, monkeypatch
):
    big, places = "x" * 9000, SimpleNamespace(policy=str(tmp_path / "policy"), checkpoints=".")
    log = [{"step": 1, "learning_rate": 0.1, "note": big}]

    def writes_weights(trainer, folder):
        folder.mkdir(exist_ok=True)
        save_file({"w": torch.zeros(9999)}, folder / "model.safetensors")

    monkeypatch.setattr(job, "write_policy", writes_weights)
    monkeypatch.setattr(candidates, "write_policy", writes_weights)
    alone = SimpleNamespace(is_main_process=True, wait_for_everyone=lambda: None)
    trainer = SimpleNamespace(accelerator=alone)
    writers = {
        "policy": lambda: job._save_policy(trainer, None, places, None),
        "candidate": lambda: candidates.Candidates(trainer, None, str(tmp_path))._save(2),
        "records": lambda: write_records(str(tmp_path / "training.jsonl"), log, "stage_one"),
        "shard": lambda: write_shard(tmp_path, [{"attempt_t1": big}]),
        "attempts": lambda: replace_file(
            tmp_path / "attempts.parquet", pd.DataFrame({"a": range(9999)}).to_parquet()
        ),
        "page": lambda: write_page(str(tmp_path / "table.md"), big),
    }
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy/model.safetensors").write_bytes(OLD)
    with disk_that_takes(4096), pytest.raises(SiteError) as said:
        writers[kind]()
    assert str(tmp_path) in str(said.value) and "the disk is full" in str(said.value)
    assert "what was written before is whole and is not made again" in str(said.value)
    assert (tmp_path / "policy/model.safetensors").read_bytes() == OLD
    writers[kind]() if kind in ("records", "shard", "attempts", "page") else None
