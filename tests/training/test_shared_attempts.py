"""A first attempt that several rollouts share is sampled, compared and counted once."""

import pytest
import torch
from launching import TRAINING
from score.sampling.rollout import Rollout
from score.training.advantages import in_equal_groups, rank_advantages
from score.training.checkpoints import newest_whole_checkpoint
from score.training.config import SCoReConfig
from score.training.health import paid_turns
from score.training.methods import METHODS
from score.training.methods.method import Groups
from score.training.methods.pieces import leave_one_out
from score.training.offline_attempts import OfflineAttempts
from score.training.settings import MethodSettings, TrainSettings
from score.training.shared_attempts import sampled_tokens
from stand_in_engine import StandIn
from training_runs import first_update, make_trainer, problems, records, same, weights
from trl.trainer import grpo_trainer


def rows_of(batch):
    """Of each rollout of a micro-batch its ids up to attempt 1's end and those of attempt 2."""
    parts = zip(batch["input_ids"].tolist(), batch["turn"].tolist(), strict=True)
    return [
        (tuple(ids[: turn.index(2)]), tuple(i for i, t in zip(ids, turn, strict=True) if t == 2))
        for ids, turn in parts
    ]


def test_advantages_by_hand_of_two_first_attempts_with_three_corrections_each():
    rewards = torch.tensor([[1.0, 3], [1, 0], [1, 0], [0, 6], [0, 6], [0, 0]])
    by_hand = [[1, 3], [1, -1.5], [1, -1.5], [-1, 3], [-1, 3], [-1, -6]]
    assert leave_one_out(rewards, Groups(6, 3)).tolist() == by_hand
    alone = leave_one_out(torch.tensor([[-2.0, 3], [-2, 1]]), Groups(2, 2))
    assert alone.tolist() == [[-2, 2], [-2, -2]]  # nothing to compare a sole first attempt with


def test_first_attempt_paid_with_what_follows_earns_the_mean_over_its_corrections():
    """Two attempts with means 1/2 and 1/4 of their corrections, whichever of these were right."""
    last = torch.tensor([1.0, 1, 0, 0, 0, 1, 0, 0])[:, None]
    found = leave_one_out(last.expand(-1, 2), Groups(8, 4))
    assert found[:, 0].tolist() == [0.25] * 4 + [-0.25] * 4


def test_equal_groups_are_those_that_are_compared(monkeypatch):
    monkeypatch.setattr("score.training.advantages.gather", lambda values: values)
    rewards = torch.tensor([[1.0, 0], [0, 0], [0, 1], [1, 0]])  # turn 1 is paid 1/2 twice
    equal = in_equal_groups(rewards, [0, 1, 2, 3], Groups(4, 2), 0)
    assert equal.tolist() == [[True, True], [True, True], [True, False], [True, False]]


@pytest.mark.parametrize("objective", ["stage_one", "stage_two", "summed_return"])
@pytest.mark.parametrize("turns", [2, 3])
def test_corrections_continue_one_attempt_and_are_compared_among_themselves(
    tmp_path, objective, turns
):
    trainer = make_trainer(
        tmp_path,
        objective=objective,
        num_turns=turns,
        corrections_per_attempt=2,
        sampler_ratios=True,
        verifier=lambda attempts, answers: [sum(map(ord, text)) % 5 / 4 for text in attempts],
    )
    (batch,) = first_update(trainer)
    firsts = [first for first, _ in rows_of(batch)]
    assert {firsts.count(first) for first in firsts} <= {2, 4, 6}  # 4: two were alike
    assert len(set(rows_of(batch))) > len(set(firsts))
    logps = trainer._no_grad_logps(batch, reference=False)
    assert (batch["sampler_logps"] - logps).abs().max() < 5e-5
    for first in set(firsts):
        rows = [i for i, other in enumerate(firsts) if other == first]
        pay = batch["advantages"][rows]
        assert pay[:, 1:].sum(0).abs().max() < 1e-4  # among themselves, they cancel
        assert len(rows) > 2 or (pay[0, 0] == pay[:, 0]).all()


def test_tokens_of_a_first_attempt_count_once_and_those_of_a_given_one_not_at_all(tmp_path):
    first, second = (
        Rollout([1], [[7] * 5, [8]], [[2]], []),
        Rollout([1], [[7] * 5, [8] * 2], [[2]], []),
    )
    rollouts = [first, second, first, second]
    assert sampled_tokens(rollouts, 1, None) == 4 * 5 + 6
    assert sampled_tokens(rollouts, 2, None) == 2 * 5 + 6
    assert sampled_tokens(rollouts, 2, [[7] * 5, [7] * 5, None, None]) == 5 + 6
    told = {}
    for c in (1, 2):
        trainer = make_trainer(tmp_path, corrections_per_attempt=c, max_completion_length=1)
        trainer.train()
        told[c] = [record["sampled_tokens"] for record in records(trainer)]
    assert told == {1: [32] * 3, 2: [24] * 3}  # one token an attempt: 16 + 16, and 8 + 16


def test_engine_is_asked_for_the_first_attempts_of_a_problem_and_each_of_their_corrections(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", StandIn)
    names = problems()["problem_id"]
    for share in (0.0, 0.5):
        given = OfflineAttempts({name: [[20, 30], [40]] for name in names}, share, seed=3)
        trainer = make_trainer(
            tmp_path,
            objective="stage_two",
            corrections_per_attempt=2,
            use_vllm=True,
            vllm_mode="colocate",
            offline_first_attempts=share,
            first_attempts=given if share else None,
            max_steps=1,
        )
        (batch,) = first_update(trainer)
        calls = [call for call in trainer.vllm_generation.calls if call != "sync"]
        assert [k for k, _ in calls] == [2, 1]
        assert [len(prompts) for _, prompts in calls] == [8, 16]
        later = calls[1][1]
        assert all(later[i] == later[i + 1] for i in range(0, 16, 2))
        turns = [set(row.tolist()) for row in batch["turn"]]
        assert {1 in turn for turn in turns} == ({True, False} if share else {True})


def test_training_with_shared_first_attempts_resumes_bit_for_bit(tmp_path):
    saving = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2, "objective": "stage_two"}
    saving |= {"corrections_per_attempt": 2, "scale_advantages": True, "num_turns": 3}
    whole = make_trainer(tmp_path, **saving)
    whole.train()
    (tmp_path / "checkpoint-4").rename(tmp_path / "later")
    resumed = make_trainer(tmp_path, **saving)
    resumed.train(resume_from_checkpoint=newest_whole_checkpoint(str(tmp_path)))
    assert records(resumed) == records(whole)
    assert same(weights(resumed), weights(whole))


@pytest.mark.parametrize("turns", [2, 3])
def test_methods_say_rightly_whether_a_first_attempt_is_paid(turns):
    for name, method in METHODS.items():
        settings, n = MethodSettings(), 1 if method.one_turn else turns
        assert method.pays_first == (1 in paid_turns(method, settings, n)), name


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"corrections_per_attempt": 0}, "is 0; expected 1 or more"),
        ({"corrections_per_attempt": 3}, "is 3; expected a divisor of the 4 rollouts"),
        (
            {"corrections_per_attempt": 4},
            "is 4 of 4 rollouts .* objective stage_two; expected at most",
        ),
        (
            {"corrections_per_attempt": 2, "objective": "single_turn", "num_turns": 1},
            "is 2 with objective single_turn; expected 1",
        ),
    ],
)
def test_what_can_not_be_shared_is_refused(tmp_path, changes, said):
    with pytest.raises(ValueError, match=f"corrections_per_attempt {said}"):
        TrainSettings(**{**TRAINING, **changes})
    with pytest.raises(ValueError, match=f"corrections_per_attempt {said}"):
        told = {"objective": "stage_two", "num_generations": 4} | changes
        SCoReConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **told)


def test_stage_one_may_share_a_problem_s_only_first_attempt():
    TrainSettings(**{**TRAINING, "objective": "stage_one", "corrections_per_attempt": 4})


def test_rollouts_of_a_process_that_would_split_an_attempt_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(SCoReConfig, "world_size", 2)
    told = {"objective": "stage_two", "num_generations": 6, "corrections_per_attempt": 2}
    with pytest.raises(ValueError, match="a divisor of the 3 rollouts of a process"):
        SCoReConfig(
            output_dir=str(tmp_path),
            use_cpu=True,
            per_device_train_batch_size=3,
            bf16=False,
            **told,
        )


def test_first_attempts_of_a_problem_may_lie_on_several_ranks(monkeypatch):
    """Two ranks with one of the two first attempts each, in another order than they were sampled in."""
    rewards = torch.tensor([[1.0, 1], [1, 11], [0, 0], [0, 11]])
    monkeypatch.setattr("score.training.advantages.gather", lambda values: rewards)
    found = [
        rank_advantages(
            rewards[2 * rank : 2 * rank + 2][[1, 0]], [1, 0], Groups(4, 2), rank, of=leave_one_out
        )
        for rank in (0, 1)
    ]
    assert torch.cat([rows for rows, _ in found]).tolist() == [
        [1, 10],
        [1, -10],
        [-1, 11],
        [-1, -11],
    ]
