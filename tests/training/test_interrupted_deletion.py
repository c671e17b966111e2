"""A kill while something is deleted leaves nothing that a rerun refuses or takes for damage."""

import re
import shutil

import damage
import pytest
from places import ROOT
from saved_trainings import ALONE, MADE_WITH, saved_training
from score.files.atomic import remove_folder
from score.sampling.shards import open_shards, write_shard
from score.training.checkpoints import (
    newest_whole_checkpoint,
    open_checkpoints,
    writing_checkpoint,
)

ROWS = [{"problem_id": "p-1", "sample": 0, "attempt_t1": "six × 7"}]


@pytest.mark.parametrize(
    "first", ["made_with.json", "checkpoint-4/whole.json", "checkpoint-2/rank/0.pt"]
)
def test_a_kill_while_finished_checkpoints_are_deleted_leaves_nothing_that_a_rerun_refuses(
    tmp_path, first
):
    folder = saved_training(tmp_path / "checkpoints")
    with damage.killed_while_deleting(first), pytest.raises(damage.Killed):
        remove_folder(folder)
    open_checkpoints(str(folder), {**MADE_WITH, "alpha": 0.0})
    assert newest_whole_checkpoint(str(folder)) is None
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints"], "what was left is swept"


def test_a_kill_while_an_old_checkpoint_is_deleted_leaves_no_torn_one(tmp_path, capsys):
    folder = saved_training(tmp_path / "checkpoints")
    with (
        damage.killed_while_deleting("optimizer.pt"),
        pytest.raises(damage.Killed),
        writing_checkpoint(str(folder), 6, ALONE, keep=1),
    ):
        shutil.copytree(folder / "checkpoint-4", folder / "writing/checkpoint-6")
    names = {path.name for path in folder.iterdir()}
    open_checkpoints(str(folder), MADE_WITH)
    left = {path.name for path in folder.iterdir()}
    assert names - left == {".checkpoint-2.removing"}
    assert newest_whole_checkpoint(str(folder)) == str(folder / "checkpoint-6")
    assert "torn" not in capsys.readouterr().out


def test_a_kill_while_finished_shards_are_deleted_leaves_none_that_are_set_aside(tmp_path, capsys):
    folder = tmp_path / "shards"
    open_shards(folder, MADE_WITH)
    write_shard(folder, ROWS)
    with damage.killed_while_deleting("made_with.json"), pytest.raises(damage.Killed):
        remove_folder(folder)
    assert open_shards(folder, MADE_WITH) == []
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]
    assert "set aside" not in capsys.readouterr().out


def test_nothing_that_a_rerun_reads_is_deleted_under_its_name():
    """Of what is deleted in place, a kill leaves a part: that must be drafts alone."""
    for room in ("training", "sampling", "fine_tuning", "evaluation"):
        for path in (ROOT / "workflow/score" / room).glob("*.py"):
            in_place = re.findall(r"rmtree\((?!draft\b).*", path.read_text())
            assert in_place == [], f"{path}: use remove_folder"
