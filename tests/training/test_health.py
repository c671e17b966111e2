"""What a training can't learn from is counted over all ranks, said once, and may end it."""

import re
from types import SimpleNamespace

import pytest
import torch
from launching import TRAINING
from score.sampling.rollout import Rollout
from score.training import advantages, train
from score.training.advantages import in_equal_groups
from score.training.health import (
    NothingToLearn,
    advice,
    paid_turns,
    updates_without,
)
from score.training.methods import METHODS
from score.training.methods.method import Groups
from score.training.records import TurnSums, shown
from score.training.settings import TrainSettings
from training_command import run_command, settings
from training_runs import make_trainer, records

ALONE = SimpleNamespace(device="cpu", reduce=lambda values, how: values)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_groups_that_lie_across_ranks_are_equal_only_as_a_whole(monkeypatch, order):
    """Two ranks with three rollouts each, in three groups of two: the second lies on both."""
    rewards = torch.tensor([[1, 0], [1, 1], [0, 5], [0, 5], [0, 0], [0.5, 0]], dtype=torch.float)
    monkeypatch.setattr(advantages, "gather", lambda values: rewards)
    found = []
    for rank in (0, 1):
        mine = rewards[3 * rank : 3 * rank + 3][order]
        found.append(in_equal_groups(mine, order, Groups(2), rank=rank))
    expected = [[1, 0], [1, 0], [1, 1], [1, 1], [0, 1], [0, 1]]
    assert torch.cat(found).int().tolist() == expected


def test_first_attempts_that_were_given_teach_turn_1_nothing(monkeypatch):
    monkeypatch.setattr(advantages, "gather", lambda values: values)
    rewards = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert not in_equal_groups(rewards, [0, 1], Groups(2), 0).any()
    equal = in_equal_groups(rewards, [0, 1], Groups(2), 0, offline=[True, True])
    assert equal.tolist() == [[True, False]] * 2
    assert rewards.tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("objective", "turns", "paid"),
    [
        ("stage_one", 2, [2]),
        ("stage_one", 3, [3]),
        ("stage_two", 2, [1, 2]),
        ("single_turn", 1, [1]),
    ],
)
def test_turns_that_can_earn_nothing_are_not_counted(objective, turns, paid):
    args = SimpleNamespace(stage2_alpha=10.0)
    assert paid_turns(METHODS[objective], args, turns) == paid


def test_shares_are_of_rollouts_of_tokens_or_of_opinions():
    sums = TurnSums()
    rollouts = [Rollout([1], [[7], [7, 7]], [[2]], [False, True])] * 4
    stated = [[None, "x"], [None, None], ["x", "x"], [None, "y"]]
    sums.add_rollouts(rollouts, torch.tensor([[0.0, 1.0]] * 4), [[False, True]] * 4, stated)
    sums.add_equal_groups(torch.tensor([[True, True]] * 2 + [[True, False]] * 2), [2])
    turn = torch.tensor([[0, 1, 1], [0, 1, 2]])
    sampler = torch.tensor([[9.0, -1.0, float("nan")], [9.0, -2.0, -3.0]])
    sums.add_tokens(torch.zeros(2, 3), torch.zeros(2, 3), turn, 2)
    sums.add_sampler_gap(torch.tensor([[0.0, -1.5, -1.0], [0.0, -1.5, -2.0]]), sampler, turn)
    sums.add_second_opinions([(1, 5), (0, 0)])
    means = sums.means(ALONE)
    assert (means["no_answer_t1"], means["no_answer_t2"]) == (0.75, 0.25)
    assert means["equal_groups_t2"] == 0.5 and "equal_groups_t1" not in means
    assert means["sampler_gap"] == pytest.approx((0.5 + 0.5 + 1.0) / 3)
    assert means["second_opinion_differs_t1"] == pytest.approx(0.2)
    assert "second_opinion_differs_t2" not in means  # nobody had an opinion
    assert sums.means(ALONE) == {}


def test_more_than_nine_turns_are_told_of():
    sums, turns = TurnSums(), 11
    rollouts = [Rollout([1], [[7]] * turns, [[2]] * (turns - 1), [False] * turns)]
    sums.add_rollouts(rollouts, torch.ones(1, turns), [[True] * turns], [["x"] * turns])
    sums.add_tokens(None, torch.full((1, turns), 0.5), torch.arange(1, turns + 1)[None], turns)
    assert sums.means(ALONE)["entropy_t11"] == 0.5


def test_right_answers_changed_and_wrong_ones_kept_are_shares_of_these():
    sums = TurnSums()
    rollouts = [Rollout([1], [[7], [7]], [[2]], [False, False])] * 5
    scores = torch.tensor([[1.0, 0.6], [1.0, 0.0], [0.4, 0.4], [0.0, 0.0], [0.0, 0.6]])
    right = (scores >= 0.5).tolist()  # as f1 has it
    stated = [["a", "a"], ["a", "b"], ["c", "c"], [None, "d"], ["b", "a"]]
    sums.add_rollouts(rollouts, scores, right, stated)
    sums.add_tokens(torch.zeros(1, 1), torch.zeros(1, 1), torch.ones(1, 1), 2)
    means = sums.means(ALONE)
    assert (means["right_changed"], means["unchanged"]) == (1 / 2, 2 / 5)
    assert means["wrong_kept"] == pytest.approx(1 / 3)
    assert (means["incorrect_to_correct"], means["correct_to_incorrect"]) == (1 / 5, 1 / 5)
    sums.add_rollouts(rollouts[:1], scores[:1], right[:1], stated[:1])
    sums.add_tokens(torch.zeros(1, 1), torch.zeros(1, 1), torch.ones(1, 1), 2)
    means = sums.means(ALONE)
    assert means["right_changed"] == 0 and "wrong_kept" not in means  # none was wrong


def test_an_update_records_what_it_could_not_learn_from_and_whether_it_was_cut(tmp_path):
    trainer = make_trainer(tmp_path, objective="stage_two", max_grad_norm=1e-6)
    trainer.train()
    first = records(trainer)[0]
    assert first["gradient_clipped"] == 1.0
    assert 0 <= first["equal_groups_t1"] < 1
    assert 0 <= first["equal_groups_t2"] < 1
    trainer = make_trainer(tmp_path, max_grad_norm=1e6, verifier=lambda a, g: [0.0] * len(a))
    trainer.train()
    first = records(trainer)[0]
    assert (first["gradient_clipped"], first["equal_groups_t2"]) == (0.0, 1.0)
    assert "equal_groups_t1" not in first  # Stage I pays attempt 1 nothing
    assert "sampler_gap" not in first and "second_opinion_differs_t1" not in first


def test_updates_in_a_row_are_counted_up_to_the_last():
    def record(*shares):
        return {"learning_rate": 1} | {f"equal_groups_t{t}": s for t, s in enumerate(shares, 1)}

    learns, stuck = record(1.0, 0.9), record(1.0, 1.0)
    assert updates_without([stuck, learns, stuck, stuck, {"train_runtime": 1}]) == 2
    assert updates_without([stuck, learns]) == 0
    assert updates_without([{"learning_rate": 1}]) == 0


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            {"reward_t2": 0.0, "no_answer_t2": 0.9, "truncated_t2": 0.1},
            "90% .* no answer.*few_shot",
        ),
        ({"reward_t2": 0.0, "no_answer_t2": 0.9, "truncated_t2": 0.9}, "raise max_tokens"),
        ({"reward_t1": 1.0, "reward_t2": 0.0}, "100% of the last attempts are wrong: take easier"),
        ({"reward_t1": 0.0, "reward_t2": 1.0}, "100% of the last attempts are right: take harder"),
    ],
)
def test_what_to_change_depends_on_what_the_attempts_were(record, said):
    assert re.search(said, advice(record))


def test_nothing_to_learn_is_said_once_and_ends_training_where_asked(tmp_path, capsys):
    trainer = make_trainer(tmp_path, max_steps=14, verifier=lambda a, g: [0.0] * len(a))
    watch = NothingToLearn(stop_after=12)
    trainer.add_callback(watch)
    trainer.train()
    out = capsys.readouterr().out
    assert out.count("nothing to learn for 10 updates: ") == out.count("nothing to learn") == 1
    assert trainer.state.global_step == 12
    assert watch.message.startswith("nothing to learn for 12 updates")
    assert (tmp_path / "checkpoint-12").is_dir()


def test_the_command_ends_with_an_error_and_keeps_its_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "leave_launcher", lambda: None)
    told = settings(stop_when_nothing_to_learn=2, max_tokens=1)  # too few to state an answer
    with pytest.raises(SystemExit) as ended:
        run_command(tmp_path, told)
    assert "nothing to learn for 2 updates" in ended.value.code
    assert "state no answer" in ended.value.code
    assert "stop_when_nothing_to_learn: null" in ended.value.code
    assert (tmp_path / "checkpoints/checkpoint-2").is_dir()
    assert not (tmp_path / "policy").exists()
    lines = run_command(tmp_path, settings(max_tokens=1))  # goes on where it was
    assert len(lines) == 8


def test_stopping_is_no_setting_that_a_result_depends_on():
    one, other = (TrainSettings(**TRAINING, stop_when_nothing_to_learn=n) for n in (None, 5))
    assert one.provenance() == other.provenance()
    assert one.rerun_on() == other.rerun_on()


def test_the_progress_line_shows_turns_side_by_side_and_what_is_worth_it():
    record = {
        "reward_t1": 0.5,
        "reward_t2": 0.25,
        "kl_t2": 0.1,
        "equal_groups_t2": 1.0,
        "no_answer_t1": 0.001,
        "no_answer_t2": 0.002,
        "truncated_t1": 0.0,
        "truncated_t2": 0.02,
        "tokens_t1": 12.0,
        "validation_accuracy_t1": 0.125,
        "validation_accuracy_t2": 0.5,
    }
    assert shown(record) == (
        "reward 0.500/0.250  kl –/0.100  equal_groups –/1.000  validation_accuracy 0.125/0.500  "
        "truncated 0.000/0.020"
    )
    assert shown({"mean_token_accuracy": 0.75, "loss": 1.0}) == "mean_token_accuracy 0.750"
