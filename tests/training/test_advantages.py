"""Advantages, worked out by hand: one baseline a group, one deviation a batch."""

import pytest
import torch
from score.training.advantages import deviation, divisor, rank_advantages
from score.training.methods.method import Groups
from score.training.methods.pieces import leave_one_out


def test_group_of_rollouts_shares_one_baseline_after_sorting_by_length():
    pay = torch.arange(16.0)[:, None].expand(-1, 2) ** 2
    order = torch.randperm(16).tolist()
    expected = leave_one_out(pay, Groups(4))[order]
    found, sigma = rank_advantages(pay[order], order, Groups(4), 0, of=leave_one_out)
    assert torch.equal(found, expected)
    assert sigma == pytest.approx(expected.std().item())


def test_leave_one_out_is_the_pay_less_the_mean_of_the_others():
    rewards = torch.tensor(
        [[1.0, 0.0], [0.0, 11.0], [1.0, -10.0], [5.0, 1.0], [5.0, 2.0], [5.0, 6.0]]
    )
    by_hand = [[0.5, -0.5], [-1.0, 16.0], [0.5, -15.5], [0.0, -3.0], [0.0, -1.5], [0.0, 4.5]]
    assert leave_one_out(rewards, Groups(3)).tolist() == by_hand
    with pytest.raises(ValueError, match="number_output_initial_generations is 1"):
        leave_one_out(rewards, Groups(1))


def test_deviation_is_one_number_for_all_turns():
    """By hand: squares 1 + 121 + 1 + 121 over 4 − 1."""
    advantages = torch.tensor([[1.0, 11.0], [-1.0, -11.0]])
    assert deviation(advantages) == pytest.approx((244 / 3) ** 0.5)


def test_what_is_not_counted_has_no_part_in_the_deviation():
    advantages = torch.tensor([[100.0, 3.0], [7.0, -3.0]])
    counted = torch.tensor([[False, True], [False, True]])
    assert deviation(advantages, counted) == pytest.approx(18**0.5)


def test_update_whose_groups_are_nearly_all_alike_is_not_blown_up():
    """One rollout in a hundred that differs is about where the floor lies."""
    rewards = torch.zeros(104, 1)
    assert divisor(deviation(leave_one_out(rewards, Groups(8))), scale=True) == 0.1
    rewards[0] = 1.0
    assert deviation(leave_one_out(rewards, Groups(8))) == pytest.approx(0.1, abs=0.01)
    assert divisor(3.5, scale=True) == 3.5
    assert divisor(3.5, scale=False) == 1.0
