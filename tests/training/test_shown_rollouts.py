"""A few rollouts of the newest update, in the log and in a file, and what they must not do."""

import json
from types import SimpleNamespace

import pytest
import torch
from score.files.columns import width_of
from score.jobs.failures import cause
from score.jobs.progress import PROGRESS_LINE
from score.sampling.rollout import Rollout
from score.sampling.self_verified import ReadVerdicts
from score.training.batches import Scored
from score.training.live_records import LIVE
from score.training.rollout_sets import RolloutSet
from score.training.shown_rollouts import ShowsRollouts, rollout_rows, rollout_table
from score.training.trainer import SCoReTrainer
from training_command import Cut, read, run_command, settings, weights_in
from training_runs import CLIPPED_LOSS, make_trainer

SINGLE = {"objective": "single_turn", "num_turns": 1}
CLIPPED = {**CLIPPED_LOSS, "per_device_train_batch_size": 8}
GRPO = {**CLIPPED, "objective": "grpo", "num_turns": 1, "dynamic_sampling_rounds": 2}
THINK = {**CLIPPED, "objective": "thinktwice"}
PAG = {"objective": "pag", "scale_advantages": True, "verify_prompt": "a", "revise_prompt": "b"}


def shown_in(folder):
    return [json.loads(line) for line in (folder / "rollouts.jsonl").read_text().splitlines()]


def cut_in(monkeypatch, which):
    batches, made = SCoReTrainer._make_batches, []

    def cutting(trainer, rows):
        made.append(1)
        if len(made) == which:
            raise Cut
        return batches(trainer, rows)

    monkeypatch.setattr(SCoReTrainer, "_make_batches", cutting)


def test_showing_changes_neither_the_policy_nor_its_records(tmp_path, capsys):
    lines, weights = [], []
    for folder, every in [("shown", 1), ("unshown", None)]:
        told = settings(updates=3, num_warmup_steps=0, show_rollouts_steps=every)
        lines.append(run_command(tmp_path / folder, told))
        weights.append(weights_in(tmp_path / folder / "policy"))
    assert lines[0] == lines[1] and weights[0] == weights[1]
    assert not (tmp_path / "unshown/rollouts.jsonl").exists()
    assert [row["step"] for row in shown_in(tmp_path / "shown")] == [1] * 4 + [2] * 4 + [3] * 4
    assert capsys.readouterr().out.count("rollouts of update ") == 3
    assert told.rerun_on() == settings(updates=3, num_warmup_steps=0).rerun_on()


def test_training_that_was_interrupted_shows_what_it_would_have(tmp_path, monkeypatch):
    told = settings(save_steps=3, show_rollouts_steps=2)
    whole = run_command(tmp_path / "whole", told)
    assert sorted({row["step"] for row in shown_in(tmp_path / "whole")}) == [1, 2, 4, 6, 8]
    with monkeypatch.context() as patched:
        cut_in(patched, 6)
        with pytest.raises(Cut):
            run_command(tmp_path / "cut", told)
    live = (tmp_path / "cut/checkpoints" / LIVE).read_text().splitlines()
    assert [json.loads(line)["step"] for line in live] == [1, 2, 3, 4, 5]
    with (tmp_path / "cut/rollouts.jsonl").open("a") as file:
        file.write('{"step": 5, "que')
    assert shown_in_part(tmp_path / "cut") == [1, 2, 4]
    assert run_command(tmp_path / "cut", told) == whole == read(tmp_path / "cut")
    assert shown_in(tmp_path / "cut") == shown_in(tmp_path / "whole")
    assert weights_in(tmp_path / "cut/policy") == weights_in(tmp_path / "whole/policy")


def shown_in_part(folder):
    lines = (folder / "rollouts.jsonl").read_text().splitlines()[:-1]
    return sorted({json.loads(line)["step"] for line in lines})


@pytest.mark.parametrize(
    ("told", "turns"),
    [
        (SINGLE, {("attempt 1",)}),
        (GRPO, {("attempt 1",)}),
        (THINK, {("attempt 1",), ("attempt 1", "attempt 2")}),
        (PAG, {("attempt 1", "verifier 1"), ("attempt 1", "verifier 1", "attempt 2")}),
    ],
    ids=["single_turn", "grpo", "thinktwice", "pag"],
)
def test_every_method_shows_the_turns_that_were_taken(tmp_path, monkeypatch, told, turns):
    says = lambda self, turns: ["wrong" if sum(t) % 2 else "correct" for t in turns]  # noqa: E731
    monkeypatch.setattr(ReadVerdicts, "__call__", says)
    trainer = make_trainer(tmp_path, **{**told, "max_steps": 4})
    trainer.add_callback(ShowsRollouts(trainer, tmp_path / "rollouts.jsonl", every=1))
    trainer.train()
    rows, sets = shown_in(tmp_path), 4 // trainer.args.mini_batches
    assert len(rows) == 4 * sets and len({row["problem_id"] for row in rows}) > 1
    assert {tuple(turn["turn"] for turn in row["turns"]) for row in rows} == turns
    verdicts = {turn["turn"][:8]: set() for row in rows for turn in row["turns"]}
    for turn in (turn for row in rows for turn in row["turns"]):
        verdicts[turn["turn"][:8]].add((turn["verdict"], turn["score"]))
    assert verdicts["attempt "] <= {("correct", 1.0), ("incorrect", 0.0)}
    assert verdicts.get("verifier", set()) <= {("agrees", 1.0), ("disagrees", 0.0)}


def drawn(text, verifies=False, problem_id="p1"):
    turns = 3 if verifies else 2
    scores = torch.tensor([[0.0, 1.0, torch.nan][:turns] if verifies else [0.0, 1.0]] * 9)
    rows = [[text] * turns] * 9
    scored = Scored(
        scores, rows, [[None, text, None][:turns]] * 9, [["no_answer", "correct", ""][:turns]] * 9
    )
    problem = {
        "problem_id": problem_id,
        "question": text,
        "prompt": [{"content": "c"}],
        "answer": text,
    }
    rollout = Rollout([1], [[1]] * turns, [[1]] * (turns - 1), [True] + [False] * (turns - 1))
    return RolloutSet([problem] * 9, [rollout] * 9, lambda: scored, None, 9)


@pytest.mark.parametrize("verifies", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "I ate 3 of 8 apples, so 5 are left",
        "resumed after step 7",
        "Traceback (most recent call last):\nValueError: no",
        "score.training.train: I failed",
        "\x1b[2J\u202e漢字🙂" * 50,
        "x" * 100_000,
    ],
)
def test_a_text_of_a_policy_stays_in_its_cell_of_100_columns(text, verifies):
    rows = rollout_rows(7, drawn(text, verifies), verifies)
    assert len(rows) == 4 and len(json.dumps(rows)) < 2_000_000
    head, *lines = rollout_table(rows, "results/x/rollouts.jsonl").split("\n")
    assert head.startswith("rollouts of update 7") and {width_of(line) for line in lines} == {100}
    assert len(lines) == 1 + 4 * 3
    assert not any(PROGRESS_LINE.search(line) for line in (head, *lines))
    assert "\x1b" not in "".join(lines) and cause("\n".join([head, *lines])) is None
    assert "[cut off]" in lines[2] and "[cut off]" not in lines[3]
    assert ("agrees" in lines[3]) == verifies


def test_updates_that_share_their_rollouts_show_them_once():
    shown = ShowsRollouts(SimpleNamespace(), "rollouts.jsonl", every=10)
    due = [step for step in range(1, 41, 4) if shown._is_due(step, 4)]
    assert due == [1, 9, 17, 29, 37]  # the sets that serve updates 1, 10, 20, 30 and 40


def test_how_often_rollouts_are_shown_is_checked():
    with pytest.raises(ValueError, match="show_rollouts_steps is 0; expected 1 or more, or null"):
        settings(show_rollouts_steps=0)
