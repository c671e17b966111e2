"""Damage to what a rerun goes on from: the right bits, or a message with the file and the cure."""

import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import damage
import pandas as pd
import pytest
from launching import run
from places import ROOT, names_in
from score.files.atomic import remove_folder
from score.files.errors import SiteError
from score.files.parquet import write_parquet
from score.jobs.command import Command
from score.policies.load import policy_digest
from score.sampling.sampled import read_sampled
from score.sampling.shards import open_shards, write_shard
from score.training import job
from score.training.candidates import Candidates
from score.training.checkpoints import (
    newest_whole_checkpoint,
    open_checkpoints,
    writing_checkpoint,
)
from score.training.selection import Selection
from score.training.tracking import continue_run
from score.training.whole_folders import seal, share_of
from training_command import Cut, read, run_command, settings, weights_in

ALONE = SimpleNamespace(is_main_process=True, wait_for_everyone=lambda: None)
MADE_WITH = {"alpha": 10.0, "processes": 1}
COMMAND = Command(SimpleNamespace(name="score.training.train"), "Train.")
CHOICE = SimpleNamespace(
    select_checkpoint="validation", keep_checkpoints=0, save_steps=1, updates=9, early_stop=None
)
ROWS = [[{"problem_id": f"p-{i}", "sample": 0, "attempt_t1": "six × 7" * 9}] for i in range(2)]


class Rerun:
    """Some state of an interrupted job below `folder`, and how a rerun reads it.

    file: what is damaged. read: what the rerun makes of it. right: what it may make of it.
    """

    def __init__(self, folder, file, read, right):
        self.folder, self.file, self.read, self.right = folder, file, read, right


def saved_training(folder):
    """Checkpoints of steps 2 and 4, each with three files."""
    open_checkpoints(str(folder), MADE_WITH)
    for step in (2, 4):
        with writing_checkpoint(str(folder), step, ALONE):
            for name in ("model.safetensors", "optimizer.pt", "rank/0.pt"):
                path = folder / "writing" / f"checkpoint-{step}" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{name} of step {step}, " * 20)
    return folder


def of_checkpoint(name):
    def state(folder):
        def read():
            open_checkpoints(str(folder), MADE_WITH)
            found = newest_whole_checkpoint(str(folder))
            return found and {
                p.name: p.read_text() for p in (folder / found).rglob("*") if p.is_file()
            }

        saved_training(folder)
        right = read()
        before = {p.name: p.read_text() for p in (folder / "checkpoint-2").rglob("*.*")}
        return Rerun(folder, folder / name, read, [right, before])

    return state


def of_candidate(name):
    def state(folder):
        draft = folder / "writing-candidate"
        draft.mkdir(parents=True)
        (draft / "model.safetensors").write_text("weights" * 20)
        seal(draft, folder / "candidate-1")
        candidates = Candidates(SimpleNamespace(), Selection(CHOICE), str(folder))

        def read():
            candidates.copy(1, folder.with_name("policy"))
            return (folder.with_name("policy") / "model.safetensors").read_text()

        return Rerun(folder, folder / "candidate-1" / name, read, ["weights" * 20])

    return state


def curves_of_wandb(folder):
    def run_id():
        continue_run(["wandb"], str(folder), resumed=True)
        return True

    run_id()
    (file,) = folder.iterdir()
    return Rerun(folder, file, run_id, [True])


def of_shards(name):
    def state(folder):
        def read():
            done = open_shards(folder, MADE_WITH)
            for rows in ROWS:  # sampled again where they are not done
                if rows[0] not in done:
                    write_shard(folder, rows)
            return sorted(row["problem_id"] for row in open_shards(folder, MADE_WITH))

        right = read()
        file = folder / name if name else min(folder.glob("[0-9a-f]*.json"))
        return Rerun(folder, file, read, [right])

    return state


def sampled_rollouts(folder):
    frame = pd.DataFrame({"problem_id": [f"p-{i}" for i in range(9999)]})
    path = folder / "sampled.parquet"
    write_parquet(path, frame)
    return Rerun(
        folder, path, lambda: [*read_sampled(path)["problem_id"]], [[*frame["problem_id"]]]
    )


def weights_of_a_policy(folder):
    draft = folder / "policy.writing"
    draft.mkdir(parents=True)
    (draft / "model.safetensors").write_text("weights" * 20)
    seal(draft, folder / "policy")
    path = folder / "policy/model.safetensors"

    def read():
        policy_digest.cache_clear()
        return policy_digest(str(folder / "policy"))

    return Rerun(folder, path, read, [read()])


STATES = {
    "weights in a checkpoint": of_checkpoint("checkpoint-4/model.safetensors"),
    "a rank's file in a checkpoint": of_checkpoint("checkpoint-4/rank/0.pt"),
    "manifest of a checkpoint": of_checkpoint("checkpoint-4/whole.json"),
    "what checkpoints were made with": of_checkpoint("made_with.json"),
    "weights of a candidate": of_candidate("model.safetensors"),
    "manifest of a candidate": of_candidate("whole.json"),
    "id of a run in wandb": curves_of_wandb,
    "a shard of sampling": of_shards(None),
    "what shards were made with": of_shards("made_with.json"),
    "sampled rollouts": sampled_rollouts,
    "weights of a policy": weights_of_a_policy,
}


@pytest.mark.parametrize("spoil", damage.DAMAGES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("state", STATES)
def test_damage_ends_in_the_right_bits_or_in_a_message_with_file_and_cure(tmp_path, state, spoil):
    rerun = STATES[state](tmp_path / "scratch")
    spoil(rerun.file)
    message = None

    def main():
        with COMMAND.errors(ValueError, RuntimeError):
            assert rerun.read() in rerun.right

    with damage.rights_of_a_user():
        try:
            COMMAND.run(main)
        except SystemExit as end:
            message = str(end)
    if message is not None:
        assert str(rerun.file.parent) in message, message
        assert rerun.file.name in message, message
        cures = r"rm -r|chmod|permissions|Move it away|[Ss]ample again|Sample first|train it again"
        assert re.search(cures, message), message


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
    write_shard(folder, ROWS[0])
    with damage.killed_while_deleting("made_with.json"), pytest.raises(damage.Killed):
        remove_folder(folder)
    assert open_shards(folder, MADE_WITH) == []
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]
    assert "set aside" not in capsys.readouterr().out


def test_a_damaged_candidate_is_found_before_training_goes_on(tmp_path):
    state = of_candidate("model.safetensors")(tmp_path / "scratch")
    damage.one_bit_flipped(state.file)
    candidates = Candidates(SimpleNamespace(), Selection(CHOICE), str(state.folder))
    record = {"step": 1, "learning_rate": 0.1, "validation_accuracy_t2": 0.5}
    there = SimpleNamespace(global_step=2, is_world_process_zero=True, log_history=[record])
    with pytest.raises(SiteError, match=r"candidate-1 is damaged \(model.*rm -r"):
        candidates.on_train_begin(None, there, None)


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


def test_nothing_that_a_rerun_reads_is_deleted_under_its_name():
    """Of what is deleted in place, a kill leaves a part: that must be drafts alone."""
    for room in ("training", "sampling", "fine_tuning", "evaluation"):
        for path in (ROOT / "workflow/score" / room).glob("*.py"):
            in_place = re.findall(r"rmtree\((?!draft\b).*", path.read_text())
            assert in_place == [], f"{path}: use remove_folder"


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
