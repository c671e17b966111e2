"""Advantages, worked out by hand: one baseline a group, one scale a batch."""

import pytest
import torch
from score.training.advantages import leave_one_out, rank_advantages, scale_by_batch


def test_group_of_rollouts_shares_one_baseline_after_sorting_by_length():
    pay = torch.arange(16.0)[:, None].expand(-1, 2) ** 2
    order = torch.randperm(16).tolist()
    expected = leave_one_out(pay, 4)[order]
    assert torch.equal(rank_advantages(pay[order], order, 4, 0, scale=False), expected)


def test_leave_one_out_is_the_pay_less_the_mean_of_the_others():
    rewards = torch.tensor(
        [[1.0, 0.0], [0.0, 11.0], [1.0, -10.0], [5.0, 1.0], [5.0, 2.0], [5.0, 6.0]]
    )
    by_hand = [[0.5, -0.5], [-1.0, 16.0], [0.5, -15.5], [0.0, -3.0], [0.0, -1.5], [0.0, 4.5]]
    assert leave_one_out(rewards, 3).tolist() == by_hand
    with pytest.raises(ValueError, match="number_output_initial_generations is 1"):
        leave_one_out(rewards, 1)


def test_scaling_keeps_the_ratio_between_the_turns():
    advantages = torch.tensor([[1.0, 11.0], [-1.0, -11.0]])
    scaled = scale_by_batch(advantages)
    assert torch.allclose(scaled[:, 1] / scaled[:, 0], torch.tensor([11.0, 11.0]))
    assert scaled.std().item() == pytest.approx(1, abs=1e-3)


def test_what_is_not_counted_has_no_part_in_the_scale():
    advantages = torch.tensor([[100.0, 3.0], [7.0, -3.0]])
    counted = torch.tensor([[False, True], [False, True]])
    scaled = scale_by_batch(advantages, counted)
    assert scaled[:, 1].tolist() == pytest.approx([1 / 2**0.5, -1 / 2**0.5], abs=1e-4)
