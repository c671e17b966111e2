"""Torn checkpoints are set aside, by all ranks alike, and training ends as if there had been none."""

import json
import sys
from pathlib import Path

import damage
import pytest
from launching import run
from places import ROOT, names_in
from saved_trainings import ALONE, MADE_WITH, saved_training
from score.training import job
from score.training.checkpoints import (
    newest_whole_checkpoint,
    open_checkpoints,
    writing_checkpoint,
)
from score.training.whole_folders import share_of
from training_command import Cut, read, run_command, settings, weights_in


def test_where_no_checkpoint_is_whole_training_starts_anew_and_says_so(tmp_path, capsys):
    folder = saved_training(tmp_path / "checkpoints")
    for step in (2, 4):
        damage.zeroed(folder / f"checkpoint-{step}/optimizer.pt")
    assert newest_whole_checkpoint(str(folder)) is None
    told = capsys.readouterr().out
    assert "checkpoint-4 is torn (optimizer.pt is not what was written)" in told
    assert "checkpoint-2 is torn (optimizer.pt is not what was written)" in told
    assert "no whole checkpoint is left: training starts anew" in told


def test_torn_checkpoints_do_not_crowd_out_those_of_the_training_that_goes_on(tmp_path):
    """Catches torn ones of higher steps that are kept as the newest, in place of whole ones."""
    folder = saved_training(tmp_path / "checkpoints")
    for step in (2, 4):
        damage.empty(folder / f"checkpoint-{step}/model.safetensors")
    assert newest_whole_checkpoint(str(folder)) is None
    with writing_checkpoint(str(folder), 1, ALONE, keep=2):
        draft = folder / "writing/checkpoint-1"
        draft.mkdir(parents=True)
        (draft / "model.safetensors").write_text("of step 1")
    assert newest_whole_checkpoint(str(folder)) == str(folder / "checkpoint-1")


def test_what_checkpoints_were_made_with_counts_though_its_file_is_gone(tmp_path):
    folder = saved_training(tmp_path / "checkpoints")
    damage.empty(folder / "made_with.json")
    with pytest.raises(ValueError, match=r"alpha 10.0, now 0.0.*rm -r"):
        open_checkpoints(str(folder), {**MADE_WITH, "alpha": 0.0})


def test_what_checkpoints_were_made_with_is_written_once(tmp_path):
    folder = saved_training(tmp_path / "checkpoints")
    before = (folder / "made_with.json").stat()
    open_checkpoints(str(folder), MADE_WITH)
    after = (folder / "made_with.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_training_with_a_damaged_checkpoint_goes_on_from_the_one_before_to_the_same_bits(
    tmp_path, monkeypatch, capsys
):
    told = settings(save_steps=2)
    straight = run_command(tmp_path / "straight", told)
    saved = job._save_policy
    monkeypatch.setattr(job, "_save_policy", lambda *_: (_ for _ in ()).throw(Cut))
    with pytest.raises(Cut):
        run_command(tmp_path / "cut", told)
    monkeypatch.setattr(job, "_save_policy", saved)
    scratch = tmp_path / "cut/checkpoints"
    damage.one_bit_flipped(scratch / "checkpoint-8/optimizer.pt")
    with damage.killed_while_deleting("checkpoint-8/optimizer.pt"), pytest.raises(damage.Killed):
        run_command(tmp_path / "cut", told)
    assert f"training goes on from {scratch / 'checkpoint-6'}" in capsys.readouterr().out
    assert read(tmp_path / "cut") == straight
    assert weights_in(tmp_path / "cut/policy") == weights_in(tmp_path / "straight/policy")
    assert not scratch.exists(), "what is being deleted keeps its name"


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_ranks_share_the_bytes_of_a_checkpoint(ranks):
    sizes = {f"optimizer_{i}.pt": 100 for i in range(8)} | {"model.safetensors": 100, "state": 1}
    shares = [share_of(sizes, rank, ranks) for rank in range(ranks)]
    assert sorted(name for share in shares for name in share) == sorted(sizes)
    loads = [sum(sizes[name] for name in share) for share in shares]
    assert max(loads) - min(loads) <= 100


@pytest.mark.slow
def test_ranks_agree_on_the_newest_checkpoint_though_each_sees_other_damage(tmp_path):
    """Catches a rank that goes on from a checkpoint that another found torn."""
    torchrun = [str(Path(sys.executable).with_name("torchrun")), "--nproc_per_node=2"]
    script = str(ROOT / "tests/support/launched_checkpoint.py")
    run([*torchrun, "--standalone", script, str(tmp_path)])
    found = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    assert found == [str(tmp_path / "checkpoints/checkpoint-2")] * 2
    names = names_in(tmp_path / "checkpoints")
    assert names == [
        "checkpoint-2",
        "made_with.json",
        "torn-checkpoint-4",
        "torn-checkpoint-6",
        "writing",
    ]
    manifest = json.loads((tmp_path / "checkpoints/checkpoint-2/whole.json").read_text())
    assert sorted(manifest["content"]["files"]) == [f"optimizer_of_rank_{i}.pt" for i in range(2)]
    assert manifest["content"]["made_with"] == {"processes": 2}
