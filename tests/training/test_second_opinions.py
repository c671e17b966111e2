"""Second opinions on training rollouts: the rate in the records, and the list of the newest."""

import json

import pytest
import torch
from score.training import second_opinions as module
from score.training.batches import Scored
from score.training.checkpoints import checkpoint_steps
from score.training.config import SCoReConfig
from score.training.second_opinions import NEWEST, SecondOpinions
from score.training.settings import TrainSettings
from score.training.trainer import SCoReTrainer
from score.verifiers.verifier import Verifier
from training_command import Cut, run_command, settings, weights_in
from training_runs import make_trainer, records

# Calls all stated answers right, which differs wherever the verifier calls one wrong.
AGREEABLE = """
from score.tasks.puzzle import *
def second_opinion(*_): return True
"""


@pytest.fixture
def task(tmp_path):
    path = tmp_path / "agreeable.py"
    path.write_text(AGREEABLE)
    return str(path)


def listed(folder):
    return [json.loads(line) for line in (folder / "disagreements.jsonl").read_text().splitlines()]


def scored(stated, verdicts):
    return Scored(torch.zeros(len(stated), len(stated[0])), stated, stated, verdicts)


def problems(count):
    return [{"prompt": [{"content": f"question {i}"}], "answer": "1"} for i in range(count)]


def test_a_spread_of_the_attempts_of_each_turn_is_asked_about(task):
    stated = [[str(i), None if i % 2 else "x"] for i in range(500)]
    with Verifier(task) as verifier:
        opinions = SecondOpinions(verifier, most=20)
        counts = opinions.ask(7, problems(500), scored(stated, [["incorrect", "correct"]] * 500))
    assert counts == [(20, 20), (0, 20)]
    assert [int(row["extracted"]) for row in opinions.newest] == list(range(0, 500, 25))
    assert {row["step"] for row in opinions.newest} == {7}


def test_a_disagreement_is_listed_with_all_that_a_person_needs_to_judge_it(task):
    row = {"prompt": [{"content": "few-shot"}, {"content": "How many?"}], "answer": ["1", "one"]}
    with Verifier(task) as verifier:
        opinions = SecondOpinions(verifier, most=1)
        told = Scored(torch.zeros(1, 2), [["is 2", "is 3"]], [["2", "3"]], [["correct", "timeout"]])
        assert opinions.ask(3, [row | {"problem_id": "p"}], told) == [(0, 1), (1, 1)]
    assert list(opinions.newest) == [
        {
            "step": 3,
            "turn": 2,
            "problem_id": "p",
            "question": "How many?",
            "attempts": ["is 2", "is 3"],
            "extracted": "3",
            "answer": ["1", "one"],
            "verdict": "timeout",
            "second_opinion": "correct",
        }
    ]


def test_the_list_holds_the_newest_of_all_ranks(task, monkeypatch):
    other = {"step": 1, "of": "another rank"}
    monkeypatch.setattr(module, "gather_object", lambda rows: [*rows, other])
    with Verifier(task) as verifier:
        opinions = SecondOpinions(verifier, most=NEWEST)
        stated = [[str(i)] for i in range(NEWEST)]
        assert opinions.ask(1, problems(NEWEST), scored(stated, [["error"]] * NEWEST)) == [
            (100, 100)
        ]
    assert len(opinions.newest) == NEWEST and opinions.newest[-1] == other
    assert opinions.newest[0]["extracted"] == "1"


def test_nothing_is_asked_where_a_task_has_no_second_opinion_or_none_is_wanted(task):
    told = scored([["1"]], [["incorrect"]])
    for verifier, most in [(Verifier(task), 0), (Verifier("puzzle"), 64), (lambda *_: [], 64)]:
        opinions = SecondOpinions(verifier, most)
        assert opinions.ask(1, problems(1), told) == [] and not opinions.newest


def test_the_rate_is_recorded_for_each_turn(tmp_path, task):
    with Verifier(task) as verifier:
        trainer = make_trainer(tmp_path, max_steps=1, verifier=verifier, second_opinions=1000)
        trainer.train()
    record = records(trainer)[0]
    for turn in ("t1", "t2"):
        wrong, silent = 1 - record[f"reward_{turn}"], record[f"no_answer_{turn}"]
        rate = record[f"second_opinion_differs_{turn}"]
        assert 0 < rate == pytest.approx((wrong - silent) / (1 - silent))


def test_asking_changes_neither_the_policy_nor_its_records(tmp_path, task):
    lines, weights = [], []
    for folder, most in [("asked", 64), ("unasked", 0)]:
        told = settings(updates=2, num_warmup_steps=0, task_type=task, second_opinions=most)
        lines.append(run_command(tmp_path / folder, told))
        weights.append(weights_in(tmp_path / folder / "policy"))
    assert weights[0] == weights[1]
    assert not (tmp_path / "unasked/disagreements.jsonl").exists()
    names = {name for line in lines[0] for name in line if "second_opinion" in name}
    assert names == {"second_opinion_differs_t1", "second_opinion_differs_t2"}
    assert [{k: v for k, v in line.items() if k not in names} for line in lines[0]] == lines[1]


def test_training_that_was_interrupted_lists_and_records_what_it_would_have(
    tmp_path, task, monkeypatch
):
    monkeypatch.setattr(module, "NEWEST", 1000)  # all
    told = settings(task_type=task, save_steps=3)
    whole = run_command(tmp_path / "whole", told)
    expected = listed(tmp_path / "whole")
    assert {row["step"] for row in expected} == set(range(1, 9))

    batches, made = SCoReTrainer._make_batches, []

    def cut_in_the_sixth(trainer, rows):
        made.append(1)
        if len(made) == 6:
            raise Cut
        return batches(trainer, rows)

    monkeypatch.setattr(SCoReTrainer, "_make_batches", cut_in_the_sixth)
    with pytest.raises(Cut):
        run_command(tmp_path / "cut", told)
    assert checkpoint_steps(str(tmp_path / "cut/checkpoints")) == [3]
    assert listed(tmp_path / "cut")[-1]["step"] == 5  # of updates that are made again
    assert run_command(tmp_path / "cut", told) == whole
    assert listed(tmp_path / "cut") == expected
    assert weights_in(tmp_path / "cut/policy") == weights_in(tmp_path / "whole/policy")


def test_a_training_from_the_start_forgets_the_list_of_another(tmp_path):
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / "disagreements.jsonl").write_text("{}\n")
    run_command(folder, settings(updates=1, num_warmup_steps=0))
    assert not (folder / "disagreements.jsonl").exists()  # the puzzle has no second opinion


def test_how_many_are_asked_about_is_checked_and_is_nothing_that_a_policy_depends_on():
    assert settings(second_opinions=0).provenance() == settings().provenance()
    with pytest.raises(ValueError, match="second_opinions is -1; expected 0 or more"):
        settings(second_opinions=-1)
    fields = TrainSettings.__dataclass_fields__, SCoReConfig.__dataclass_fields__
    assert len({kind["second_opinions"].default for kind in fields}) == 1
