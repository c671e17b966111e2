"""Frequencies that ZeRO-3 rounds are made anew, of every architecture as it makes them itself."""

import pytest
import torch
from architectures import ARCHITECTURES, random_policy
from score.policies.rotary import restore_rotary_frequencies


def buffers(policy):
    return {name: buffer for name, buffer in policy.named_buffers() if "inv_freq" in name}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rounded_frequencies_are_those_of_a_policy_that_is_loaded_whole(architecture):
    policy = random_policy(architecture)
    expected = {name: buffer.clone() for name, buffer in buffers(policy).items()}
    policy.to(torch.bfloat16)
    rounded = {name: buffer.float() for name, buffer in buffers(policy).items()}
    restore_rotary_frequencies(policy)
    found = buffers(policy)
    assert expected and found.keys() == expected.keys()
    assert all(found[name].dtype == torch.float32 for name in found)
    assert all(torch.equal(found[name], expected[name]) for name in found)
    assert any(not torch.equal(rounded[name], expected[name]) for name in found)
    assert {name for name, _ in policy.named_parameters() if "inv_freq" in name} == set()
    assert not any("inv_freq" in name for name in policy.state_dict())


class OwnRotaryEmbedding(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inv_freq = torch.nn.Buffer(torch.ones(width), persistent=False)


def test_an_embedding_that_needs_more_than_a_config_is_refused_only_where_it_is_rounded():
    embedding = torch.nn.Sequential(OwnRotaryEmbedding(4))
    restore_rotary_frequencies(embedding)
    embedding.to(torch.bfloat16)
    with pytest.raises(ValueError, match=r"OwnRotaryEmbedding.*expected a policy of transformers'"):
        restore_rotary_frequencies(embedding)
