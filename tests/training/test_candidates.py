"""What is kept of a training on disk, through interruptions too."""

import shutil

import pytest
from places import names_in
from score.training import candidates, job
from score.training.candidates import Candidates
from score.training.validation import Validation
from training_command import Cut, run_command, settings, weights_in

SCRIPT = {2: 0.5, 4: 0.7, 6: 0.6, 8: 0.7}  # the best is neither the first nor the last


def kept_in(scratch):
    return [name for name in names_in(scratch) if name.startswith(("candidate", "checkpoint"))]


@pytest.fixture
def validated(monkeypatch):
    """Call it with the accuracy of each validated update, in place of one that is sampled."""

    def script(accuracies):
        def told(self):
            value = accuracies[self.trainer.state.global_step]
            return {"validation_accuracy_t1": 0.9 - value, "validation_accuracy_t2": value}

        monkeypatch.setattr(Validation, "accuracies", told)

    return script


@pytest.fixture
def cut(monkeypatch):
    """Call it with an update, for a training that is cut off behind it, before any checkpoint."""
    whole = Candidates.on_log

    def after(step):
        def on_log(self, args, state, control, **kwargs):
            whole(self, args, state, control, **kwargs)
            if state.global_step == step:
                raise Cut

        monkeypatch.setattr(Candidates, "on_log", whole if step is None else on_log)

    return after


def test_the_policy_is_the_best_candidate_and_the_last_ones_are_left_beside_it(
    tmp_path, validated, capsys
):
    validated(SCRIPT)
    every = settings(validation_steps=2, save_steps=2, keep_checkpoints=4)
    run_command(tmp_path / "last", every)
    kept = tmp_path / "last/kept"
    assert names_in(kept) == ["step-2", "step-4", "step-6", "step-8"]
    assert len({weights_in(kept / name) for name in names_in(kept)}) == 4
    assert weights_in(tmp_path / "last/policy") == weights_in(kept / "step-8")
    assert "is that of update 8 of 8, the last" in capsys.readouterr().out

    told = settings(
        validation_steps=2, save_steps=3, keep_checkpoints=2, select_checkpoint="validation"
    )
    lines = run_command(tmp_path / "best", told)
    assert weights_in(tmp_path / "best/policy") == weights_in(kept / "step-4")
    assert (tmp_path / "best/policy/tokenizer.json").is_file()
    assert names_in(tmp_path / "best/kept") == ["step-6", "step-8"]
    assert not (tmp_path / "best/checkpoints").exists()
    chosen = {line["step"]: line["chosen_by"] for line in lines if "chosen_by" in line}
    assert chosen == {4: "validation"}
    assert {r["step"]: r["validation_accuracy_t2"] for r in lines if r["step"] % 2 == 0} == SCRIPT
    assert "update 4 of 8, of the highest validation accuracy, 0.700" in capsys.readouterr().out


def test_the_policy_of_the_highest_training_reward_is_kept(tmp_path):
    every = settings(save_steps=2, keep_checkpoints=4)
    lines = run_command(tmp_path / "all", every)
    rewards = [line["reward_t2"] for line in lines]
    means = {step: sum(rewards[step - 2 : step]) / 2 for step in (2, 4, 6, 8)}
    best = max(means, key=means.get)
    lines = run_command(tmp_path, settings(save_steps=2, select_checkpoint="training_reward"))
    assert [r["step"] for r in lines if r.get("chosen_by") == "training_reward"] == [best]
    assert weights_in(tmp_path / "policy") == weights_in(tmp_path / "all/kept" / f"step-{best}")


def test_a_training_cut_between_validation_and_checkpoint_ends_as_one_that_was_not(
    tmp_path, validated, cut
):
    validated(SCRIPT)
    told = settings(
        validation_steps=2, save_steps=3, select_checkpoint="validation", keep_checkpoints=2
    )
    straight = run_command(tmp_path / "straight", told)
    for step in (4, 5):
        cut(step)
        with pytest.raises(Cut):
            run_command(tmp_path / "cut", told)
    cut(None)
    assert run_command(tmp_path / "cut", told) == straight
    for policy in ("policy", "kept/step-6", "kept/step-8"):
        assert weights_in(tmp_path / "cut" / policy) == weights_in(tmp_path / "straight" / policy)


def test_the_best_weights_stay_while_a_checkpoint_before_a_new_best_may_be_gone_on_from(
    tmp_path, validated, cut
):
    """On a GPU what is repeated after an interruption may turn out otherwise."""
    told = settings(validation_steps=2, save_steps=3, select_checkpoint="validation")
    validated(SCRIPT)
    scratch = tmp_path / "checkpoints"
    for step, there in (
        (5, ["candidate-2", "candidate-4", "checkpoint-3"]),
        (7, ["candidate-2", "candidate-4", "checkpoint-3", "checkpoint-6"]),
    ):
        cut(step)
        with pytest.raises(Cut):
            run_command(tmp_path, told)
        assert kept_in(scratch) == there
    before = weights_in(scratch / "candidate-2")
    (scratch / "checkpoint-6/model.safetensors").unlink()  # torn: checkpoint-3 is gone on from
    validated({4: 0.4, 6: 0.4, 8: 0.4})
    cut(None)
    run_command(tmp_path, told)
    assert weights_in(tmp_path / "policy") == before


def test_training_stops_early_and_a_rerun_of_what_had_stopped_makes_no_update(
    tmp_path, validated, monkeypatch, capsys
):
    validated({2: 0.5, 4: 0.4, 6: 0.4})
    told = settings(
        validation_steps=2, save_steps=5, early_stop=2, select_checkpoint="validation", updates=12
    )
    saved = job.write_records
    monkeypatch.setattr(job, "write_records", lambda *_: (_ for _ in ()).throw(Cut))
    with pytest.raises(Cut):
        run_command(tmp_path, told)
    assert "stopped early at update 6: 2 validations without a new best of 0.500" in (
        capsys.readouterr().out
    )
    shutil.rmtree(tmp_path / "policy")
    monkeypatch.setattr(job, "write_records", saved)
    lines = run_command(tmp_path, told)
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[1]["chosen_by"] == "validation"


def test_a_training_cut_behind_its_last_checkpoint_makes_no_update_too_many(tmp_path, monkeypatch):
    straight = run_command(tmp_path / "straight", settings())
    saved = job._save_policy
    monkeypatch.setattr(job, "_save_policy", lambda *_: (_ for _ in ()).throw(Cut))
    with pytest.raises(Cut):
        run_command(tmp_path / "cut", settings())
    monkeypatch.setattr(job, "_save_policy", saved)
    assert run_command(tmp_path / "cut", settings()) == straight
    assert weights_in(tmp_path / "cut/policy") == weights_in(tmp_path / "straight/policy")


def test_weights_that_can_not_be_written_or_are_gone_are_said(tmp_path, validated, monkeypatch):
    validated(SCRIPT)
    told = settings(validation_steps=2, select_checkpoint="validation")

    def full(trainer, folder):
        raise OSError("No space left on device")

    whole = candidates.write_policy
    monkeypatch.setattr(candidates, "write_policy", full)
    with pytest.raises(RuntimeError, match=r"candidate can't be written: the disk is full"):
        run_command(tmp_path, told)
    monkeypatch.setattr(candidates, "write_policy", whole)

    def lose(self, *_, **__):
        shutil.rmtree(tmp_path / "checkpoints/candidate-4", ignore_errors=True)

    monkeypatch.setattr(Candidates, "on_save", lose)
    with pytest.raises(
        RuntimeError, match=r"candidate-4 is damaged \(it is missing\); expected .* update 4.*rm -r"
    ):
        run_command(tmp_path, told)
    assert not (tmp_path / "training.jsonl").exists()
