"""Checkpoints are whole and of this very training; what is wrong is said."""

import shutil
from collections import namedtuple
from types import SimpleNamespace

import pytest
from places import names_in
from score.training.checkpoints import (
    newest_whole_checkpoint,
    open_checkpoints,
    require_free_disk,
    writing_checkpoint,
    written_to,
)

ALONE = SimpleNamespace(is_main_process=True, wait_for_everyone=lambda: None)
Usage = namedtuple("Usage", "total used free")


def save(folder, step, content="weights", keep=2):
    with writing_checkpoint(str(folder), step, ALONE, keep=keep):
        draft = folder / "writing" / f"checkpoint-{step}"
        assert written_to(str(folder)) == str(draft.parent)
        draft.mkdir(parents=True)
        (draft / "model.safetensors").write_text(content)


def test_oldest_checkpoints_are_pruned_and_the_newest_is_found(tmp_path):
    for step in (8, 9, 10):
        save(tmp_path, step)
    assert names_in(tmp_path) == ["checkpoint-10", "checkpoint-9", "writing"]
    assert newest_whole_checkpoint(str(tmp_path)) == str(tmp_path / "checkpoint-10")


def spoil_by_cutting(checkpoint):
    (checkpoint / "model.safetensors").write_text("weig")


def spoil_by_removing(checkpoint):
    (checkpoint / "model.safetensors").unlink()


def spoil_the_manifest(checkpoint):
    (checkpoint / "whole.json").write_text('{"model.saf')


@pytest.mark.parametrize("spoil", [spoil_by_cutting, spoil_by_removing, spoil_the_manifest])
def test_a_torn_checkpoint_is_named_and_skipped(tmp_path, capsys, spoil):
    save(tmp_path, 2)
    save(tmp_path, 4)
    spoil(tmp_path / "checkpoint-4")
    assert newest_whole_checkpoint(str(tmp_path)) == str(tmp_path / "checkpoint-2")
    assert "checkpoint-4 is torn" in capsys.readouterr().out


def test_a_save_that_fails_loses_no_earlier_checkpoint_and_leaves_no_half_one(tmp_path):
    save(tmp_path, 2)
    with (
        pytest.raises(RuntimeError, match=r"step 4 can't be written .*No space left.* GB are free"),
        writing_checkpoint(str(tmp_path), 4, ALONE, keep=2),
    ):
        raise OSError("No space left on device")
    assert newest_whole_checkpoint(str(tmp_path)) == str(tmp_path / "checkpoint-2")
    assert "checkpoint-4" not in names_in(tmp_path)
    save(tmp_path, 4)
    assert newest_whole_checkpoint(str(tmp_path)) == str(tmp_path / "checkpoint-4")


def test_disk_that_will_not_do_is_said_before_anything_is_written(tmp_path, monkeypatch):
    save(tmp_path, 2, content="w" * 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2000, 1000, 900))
    with (
        pytest.raises(RuntimeError, match="Make room"),
        writing_checkpoint(str(tmp_path), 4, ALONE, keep=2),
    ):
        pytest.fail("writing started")
    assert newest_whole_checkpoint(str(tmp_path)) == str(tmp_path / "checkpoint-2")
    with pytest.raises(RuntimeError, match=r"900 bytes free; expected 2 GB"):
        require_free_disk(str(tmp_path / "not" / "there" / "yet"), 2_000_000_000)


def test_checkpoints_made_with_something_else_are_refused_and_kept(tmp_path):
    folder = tmp_path / "checkpoints"
    open_checkpoints(str(folder), {"alpha": 10.0, "processes": 8})
    open_checkpoints(str(folder), {"alpha": 0.0, "processes": 8})  # none yet: nothing to lose
    save(folder, 2)
    open_checkpoints(str(folder), {"alpha": 0.0, "processes": 8})
    with pytest.raises(
        ValueError, match=rf"alpha 0.0, now 1.0; processes 8, now 4.*rm -r {folder}"
    ):
        open_checkpoints(str(folder), {"alpha": 1.0, "processes": 4})
    assert newest_whole_checkpoint(str(folder))
