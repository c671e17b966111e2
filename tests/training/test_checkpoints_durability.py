"""A checkpoint has its name once all ranks have written, all of it is listed, and all is on disk."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from score.training.checkpoints import newest_whole_checkpoint, writing_checkpoint, written_to

FILES = {"model.safetensors": "weights", "state/rank_0.pt": "Adam's", "rng_state.pth": "random"}
OF_ANOTHER_RANK = "state/rank_1.pt"


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Writes checkpoint-7 below tmp_path; returns its path, what was done, and what was renamed.

    done: ("sync", path, size) and ("rename", from, to) in order. renamed: names and sizes of the
    files that lay in the draft when it was renamed, and what its manifest said then.
    """
    fsync, rename, replace = os.fsync, os.rename, os.replace
    draft, final = Path(written_to(str(tmp_path))) / "checkpoint-7", tmp_path / "checkpoint-7"
    done, renamed, waits = [], [], []

    def note_sync(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        done.append(("sync", path, os.fstat(descriptor).st_size))
        fsync(descriptor)

    def noted(move):
        def note_move(source, target, **kwargs):
            if Path(target) == final:
                manifest = draft / "whole.json"
                told = json.loads(manifest.read_text()) if manifest.exists() else None
                renamed.append((sizes(draft), told))
            done.append(("rename", str(source), str(target)))
            move(source, target, **kwargs)

        return note_move

    def wait():
        waits.append(None)
        # The body is done here, and elsewhere by the end of this wait.
        if len(waits) == 2 and draft.exists():
            (draft / OF_ANOTHER_RANK).write_text("Adam's, of another rank")

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "rename", noted(rename))
    monkeypatch.setattr(os, "replace", noted(replace))
    accelerator = SimpleNamespace(is_main_process=True, wait_for_everyone=wait)
    with writing_checkpoint(str(tmp_path), 7, accelerator):
        for name, content in FILES.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_text(content)
    return SimpleNamespace(draft=draft, final=final, done=done, renamed=renamed)


def sizes(folder):
    return {str(p.relative_to(folder)): p.stat().st_size for p in folder.rglob("*") if p.is_file()}


def moved(saved):
    """When the checkpoint got its name, as a place in what was done."""
    return saved.done.index(("rename", str(saved.draft), str(saved.final)))


def test_every_file_and_folder_is_synced_whole_before_the_rename(saved):
    """Catches a rename that a power cut keeps while it loses weights: a torn one with its name."""
    before = [step for step in saved.done[: moved(saved)] if step[0] == "sync"]
    synced = {(path, size) for _, path, size in before}
    files = {(str(saved.draft / name), size) for name, size in sizes(saved.final).items()}
    assert len(files) == len(FILES) + 2
    assert files <= synced, "not synced, or synced before all of it was written"
    assert {str(saved.draft), str(saved.draft / "state")} <= {path for path, _ in synced}


def test_the_name_itself_is_synced_after_the_rename(saved):
    """Catches a save that returns, and prunes older ones, while a power cut may still undo it."""
    after = [step[:2] for step in saved.done[moved(saved) + 1 :]]
    assert ("sync", str(saved.final.parent)) in after


def test_the_manifest_lists_what_all_ranks_wrote_when_the_checkpoint_gets_its_name(saved):
    """Catches a manifest made after the rename, or before the last file of the last rank."""
    ((files, told),) = saved.renamed
    assert told is not None, "renamed before it has its manifest"
    listed = told["content"]["files"]
    sizes_told = {name: size for name, (size, _) in listed.items()}
    assert sizes_told == {name: size for name, size in files.items() if name != "whole.json"}
    assert {*listed} == {*FILES, OF_ANOTHER_RANK}


def test_a_kill_at_the_rename_leaves_no_checkpoint_and_one_after_it_a_whole_one(
    tmp_path, monkeypatch
):
    """Catches a seal that goes on after the rename: a kill there would leave a torn checkpoint."""

    class Killed(BaseException):
        pass

    def killed(done_first):
        def move(source, target, **kwargs):
            if Path(target).parent != tmp_path:  # not the checkpoint's own name
                return rename(source, target, **kwargs)
            if done_first:
                rename(source, target, **kwargs)
            raise Killed

        return move

    rename = os.rename
    alone = SimpleNamespace(is_main_process=True, wait_for_everyone=lambda: None)
    for step, done_first in ((1, False), (2, True)):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(os, "rename", killed(done_first))
            with writing_checkpoint(str(tmp_path), step, alone):
                draft = Path(written_to(str(tmp_path))) / f"checkpoint-{step}"
                draft.mkdir(parents=True)
                (draft / "model.safetensors").write_text("weights")
        expected = str(tmp_path / "checkpoint-2") if done_first else None
        assert newest_whole_checkpoint(str(tmp_path)) == expected
