"""Damage to what a rerun goes on from: the right bits, or a message with the file and the cure."""

import re
from types import SimpleNamespace

import damage
import pandas as pd
import pytest
from saved_trainings import MADE_WITH, saved_training
from score.comparison.instances import read_records
from score.files.errors import SiteError
from score.files.parquet import write_parquet
from score.fine_tuning.examples import Example, read_examples, write_examples, write_report
from score.jobs.command import Command
from score.policies.load import policy_digest
from score.sampling.sampled import read_sampled
from score.sampling.shards import open_shards, write_shard
from score.training.candidates import Candidates
from score.training.checkpoints import (
    newest_whole_checkpoint,
    open_checkpoints,
)
from score.training.records import note_records, write_records
from score.training.selection import Selection
from score.training.tracking import continue_run
from score.training.whole_folders import seal

COMMAND = Command(SimpleNamespace(name="score.training.train"), "Train.")
CHOICE = SimpleNamespace(
    select_checkpoint="validation",
    keep_checkpoints=0,
    save_steps=1,
    updates=9,
    early_stop=None,
    total_tokens=None,
    mini_batches=1,
    num_turns=2,
)
ROWS = [[{"problem_id": f"p-{i}", "sample": 0, "attempt_t1": "six × 7" * 9}] for i in range(2)]
CURES = (
    r"rm -r|chmod|permissions|Move it away|Sample (again|first)|Choose the examples again"
    r"|[Tt]rain (it|that instance) again"
)


class Rerun:
    """Some state of an interrupted job below `folder`, and how a rerun reads it.

    file: what is damaged. read: what the rerun makes of it. right: what it may make of it.
    """

    def __init__(self, folder, file, read, right):
        self.folder, self.file, self.read, self.right = folder, file, read, right


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


def chosen_examples(folder):
    folder.mkdir()
    path = folder / "examples.jsonl"
    write_examples(path, [Example(f"p-{i}", 0, 0, "kept", [1, 2, 3], 2) for i in range(9)])
    write_report(folder / "examples.json", {}, path)
    return Rerun(folder, path, lambda: read_examples(path, 9), [read_examples(path, 9)])


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


def records_of_a_training(folder):
    weights_of_a_policy(folder)
    path = folder / "training.jsonl"
    history = [{"step": step, "learning_rate": 0.1, "reward_t2": 0.5} for step in range(1, 9)]
    write_records(str(path), history, "stage_one")
    note_records(str(path), str(folder / "policy"))

    def read():
        return read_records("--records", [f"score={path}"])["score"].to_dict("list")

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
    "examples of fine-tuning": chosen_examples,
    "weights of a policy": weights_of_a_policy,
    "records of a training": records_of_a_training,
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
        assert re.search(CURES, message), message


def test_a_damaged_candidate_is_found_before_training_goes_on(tmp_path):
    state = of_candidate("model.safetensors")(tmp_path / "scratch")
    damage.one_bit_flipped(state.file)
    candidates = Candidates(SimpleNamespace(), Selection(CHOICE), str(state.folder))
    record = {"step": 1, "learning_rate": 0.1, "validation_accuracy_t2": 0.5}
    there = SimpleNamespace(global_step=2, is_world_process_zero=True, log_history=[record])
    with pytest.raises(SiteError, match=r"candidate-1 is damaged \(model.*rm -r"):
        candidates.on_train_begin(None, there, None)
