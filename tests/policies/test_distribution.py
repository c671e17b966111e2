"""A policy is sampled and scored without dropout, and trained with it again afterwards."""

import pytest
import torch
from score.policies.distribution import without_dropout


@pytest.mark.parametrize("training", [True, False])
def test_policy_is_in_its_mode_again_after_an_error_too(training):
    policy = torch.nn.Dropout(0.5).train(training)
    with pytest.raises(MemoryError), without_dropout(policy):
        assert not policy.training
        raise MemoryError
    assert policy.training == training
