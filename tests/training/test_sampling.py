"""Rollouts of an update are sampled in parts, each of which goes through all turns by itself."""

import pytest
from score.training.sampling import in_parts
from training_runs import make_trainer

PROMPTS = [[0] * length for length in (3, 3, 3, 3, 9, 9, 9, 9, 5, 5, 5, 5)]


@pytest.mark.parametrize("corrections", [1, 2, 4])
def test_parts_hold_runs_that_share_a_first_attempt_whole_and_prompts_of_similar_length(
    corrections,
):
    parts = in_parts(PROMPTS, 4, corrections)
    assert sorted(i for part in parts for i in part) == list(range(12))
    for part in parts:
        assert len(part) == 4 and len({len(PROMPTS[i]) for i in part}) == 1
        runs = [part[i : i + corrections] for i in range(0, 4, corrections)]
        assert all(run == list(range(run[0], run[0] + corrections)) for run in runs)
    assert in_parts(PROMPTS, 64, corrections) == [list(range(12))]


def test_turn_2_goes_on_from_turn_1_in_every_part(tmp_path, monkeypatch):
    computed = []
    trainer = make_trainer(tmp_path, local_rollout_forward_batch_size=5, sampler_ratios=True)
    forward = trainer.model.forward

    def watched(*arguments, **named):
        if "past_key_values" in named and not named.get("fused_lm_head"):
            computed.append(named["input_ids"].shape)
        return forward(*arguments, **named)

    monkeypatch.setattr(trainer.model, "forward", watched)
    rollouts = trainer._sample([row["prompt"] for row in trainer.train_dataset], None)
    assert [r.prompt for r in rollouts] == [
        trainer.rendered(row["prompt"]) for row in trainer.train_dataset
    ]
    shortest = min(len(rollout.prompt) for rollout in rollouts)
    longest = 1 + max(len(rollout.bridges[0]) for rollout in rollouts)
    starts = [shape[1] for shape in computed if shape[1] > 1]
    assert len(starts) == 2 * -(-len(rollouts) // 5)  # for each part the prompts, then the bridges
    assert all(length >= shortest for length in starts[::2])
    assert all(length <= longest for length in starts[1::2])
    for rollout in rollouts:
        assert [len(told) for told in rollout.sampler_logps] == [len(a) for a in rollout.attempts]
