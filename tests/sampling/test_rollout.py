"""Sampling: ids carried between turns, masks from lengths, the whole distribution."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from sampling_runs import BRIDGE, POLICY, STOP, ragged_prompts
from score.policies.load import load_policy
from score.sampling.generate import HFGenerate, cut_after_stop, sampling_config
from score.sampling.prompts import Bridge
from score.sampling.rollout import (
    Rollout,
    attempt_texts,
    begin_rollouts,
    continue_rollouts,
    sample_rollouts,
)
from score.training.batches import pad_rollouts, token_logps
from stand_in_engine import TOKENIZER
from training_runs import BASE
from trl.trainer.utils import add_fused_lm_head

PAD_IS_END = TOKENIZER.eos_token_id


def generator(temperature=0.0, batch_size=64, pad_id=PAD_IS_END, max_tokens=10):
    config = sampling_config(max_tokens, temperature, STOP, pad_id)
    return HFGenerate(POLICY, config, batch_size)


def test_greedy_attempts_of_a_ragged_batch_equal_those_taken_one_by_one():
    prompts = ragged_prompts()
    together = sample_rollouts(prompts, BRIDGE, generator(), STOP)
    alone = [sample_rollouts([p], BRIDGE, generator(batch_size=1), STOP)[0] for p in prompts]
    assert together == alone


def test_turn_2_is_sampled_from_exactly_the_ids_of_turn_1():
    asked = []

    def generate(prompts, seeds):
        asked.append(prompts)
        return generator(temperature=1.0)(prompts, seeds)

    rollouts = sample_rollouts(ragged_prompts(), BRIDGE, generate, STOP)
    for before, after, rollout in zip(*asked, rollouts, strict=True):
        assert after == before + rollout.attempts[0] + rollout.bridges[0]
    assert [r.tokens()[0][: len(p)] for r, p in zip(rollouts, asked[0], strict=True)] == asked[0]


def test_rollouts_that_are_continued_stay_as_they_were_and_may_be_continued_again():
    prompts, sampled = ragged_prompts(), generator(temperature=1.0)
    seeds = [[i, 100 + i, 200 + i] for i in range(len(prompts))]
    begun = begin_rollouts(prompts, sampled, STOP, [row[0] for row in seeds])
    twice = [continue_rollouts(begun, (BRIDGE,), sampled, STOP, 3, seeds) for _ in range(2)]
    assert twice[0] == twice[1] == sample_rollouts(prompts, BRIDGE, sampled, STOP, 3, seeds)
    assert all(len(rollout.attempts) == 1 and not rollout.bridges for rollout in begun)


def test_critique_and_what_asks_for_it_are_no_part_of_any_attempt():
    """By hand, with 1 for the end of a turn: the first critique ends itself, the second is cut off."""
    told = iter([[[5, 1]], [[6, 1]], [[7, 1]], [[8]], [[9, 1]]])
    critique, refine = Bridge((1, 20, 21), end=1), Bridge((1, 30), end=1)
    begun = begin_rollouts([[3, 4]], lambda *asked: next(told), {1}, None)
    (rollout,) = continue_rollouts(begun, (critique, refine), lambda *asked: next(told), {1}, 3)
    ids, turn = rollout.tokens()
    assert ids == [3, 4, 5, 1, 20, 21, 6, 1, 30, 7, 1, 20, 21, 8, 1, 30, 9, 1]
    assert turn == [0, 0, 1, 1, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 3, 3]
    assert rollout.critiques == [[6, 1], [8]] and rollout.truncated == [False] * 3


def test_attempt_cut_by_the_token_limit_is_closed_and_counted():
    rollouts = sample_rollouts(ragged_prompts(4), BRIDGE, generator(max_tokens=3), STOP)
    assert all(rollout.truncated == [True, True] for rollout in rollouts)
    assert all(rollout.bridges == [list(BRIDGE.ids)] for rollout in rollouts)
    whole = sample_rollouts(ragged_prompts()[::3], BRIDGE, generator(), STOP)
    assert all(rollout.truncated == [False, False] for rollout in whole)


def test_end_of_turn_stays_when_it_is_also_the_padding_token():
    assert cut_after_stop([5, 1, 1, 1], {1}) == [5, 1]
    assert cut_after_stop([5, 6], {1}) == [5, 6]
    batch = pad_rollouts([Rollout([3], [[5, 1], [6, 1]], [[7]], [False] * 2)] * 2, pad_id=1)
    assert batch["turn"][0].tolist() == [0, 1, 1, 0, 2, 2]
    assert batch["attention_mask"].all()


def test_log_probabilities_that_the_sampler_tells_lie_at_their_tokens():
    told = Rollout([3, 4], [[5, 1], [6]], [[7]], [False, True], [[-0.5, -0.25], [-2.0]])
    other = Rollout([3], [[5], [6]], [[7, 8]], [True] * 2, [[-1.0], [-4.0]])
    batch = pad_rollouts([told, other], pad_id=0)
    by_hand = [[0, 0, -0.5, -0.25, 0, -2.0], [0, -1.0, 0, 0, -4.0, 0]]
    assert batch["sampler_logps"].tolist() == by_hand
    assert ((batch["sampler_logps"] != 0) == (batch["turn"] > 0)).all()


def test_log_probabilities_of_ragged_rows_equal_a_naive_computation():
    rollouts = sample_rollouts(ragged_prompts(), BRIDGE, generator(temperature=1.0), STOP)
    policy = load_policy(BASE, "float32").eval()
    add_fused_lm_head(policy, temperature=0.7, outputs=("log_probs", "entropy"))
    batch = pad_rollouts(rollouts, PAD_IS_END)
    logps, entropy = token_logps(policy, batch)
    for row, rollout in enumerate(rollouts):
        ids, turn = rollout.tokens()
        logits = POLICY(torch.tensor([ids])).logits[0] / 0.7
        for position, (token, speaker) in enumerate(zip(ids, turn, strict=True)):
            if speaker == 0:
                assert logps[row, position] == 0
            else:
                naive = logits[position - 1].log_softmax(-1)
                assert torch.allclose(logps[row, position], naive[token], atol=2e-5)
                uncertainty = -(naive.exp() * naive).sum()
                assert torch.allclose(entropy[row, position], uncertainty, atol=2e-5)
        assert (logps[row, len(ids) :] == 0).all()


@pytest.mark.parametrize("seeds", [None, list(range(4000))], ids=["generator", "seeds"])
def test_samples_come_from_the_whole_softmax_at_its_temperature(seeds):
    """Frequencies of the first token match the softmax, also where the checkpoint says top_k."""
    policy = load_policy(BASE, "float32").eval()
    policy.generation_config.top_k = 1
    policy.generation_config.repetition_penalty = 5.0
    prompt = ragged_prompts(1)[0]
    torch.manual_seed(0)
    config = sampling_config(1, 2.0, STOP, PAD_IS_END)
    sampled = HFGenerate(policy, config, 4000)([prompt] * 4000, seeds)
    counts = torch.bincount(torch.tensor(sampled).flatten(), minlength=len(TOKENIZER))
    expected = (POLICY(torch.tensor([prompt])).logits[0, -1] / 2.0).softmax(-1)
    assert torch.allclose(counts / 4000, expected, atol=0.03)
    assert policy.generation_config.top_k == 1, "the checkpoint's own settings are put back"


def test_seeded_attempts_are_the_same_in_every_batch_and_leave_the_generator_alone():
    prompts = ragged_prompts(30)
    seeds = [[i, 1000 + i] for i in range(30)]
    state = torch.get_rng_state()
    runs = [
        sample_rollouts(prompts, BRIDGE, generator(1.0, batch_size), STOP, 2, seeds)
        for batch_size in (1, 7, 64)
    ]
    assert runs[0] == runs[1] == runs[2]
    assert torch.equal(torch.get_rng_state(), state)
    backwards = sample_rollouts(prompts[::-1], BRIDGE, generator(1.0), STOP, 2, seeds[::-1])
    assert backwards[::-1] == runs[0]
    others = [[i + 1, 1000 + i] for i in range(30)]
    moved = sample_rollouts(prompts, BRIDGE, generator(1.0), STOP, 2, others)
    assert sum(a.attempts[0] != b.attempts[0] for a, b in zip(moved, runs[0], strict=True)) > 15


def test_seeds_change_no_greedy_attempt():
    prompts = ragged_prompts(12)
    assert generator()(prompts, list(range(12))) == generator()(prompts, None)


def test_special_tokens_are_no_part_of_the_text():
    rollouts = sample_rollouts(ragged_prompts()[::3], BRIDGE, generator(), STOP)
    for first, second in attempt_texts(rollouts, TOKENIZER):
        assert first.startswith("-")
        assert second.split()[0] in ("ok", "fix")
        assert "<end>" not in first + second


def test_what_a_checkpoint_says_of_sampling_does_not_apply_below_an_adapter_either():
    policy = load_policy(BASE, "float32").eval()
    own = policy.generation_config
    own.max_length, own.top_k, own.top_p, own.min_p = 12, 1, 0.1, 0.9
    adapted = get_peft_model(policy, LoraConfig(r=4, target_modules="all-linear"))
    config = sampling_config(10, 1.0, STOP, PAD_IS_END)
    prompts = ragged_prompts(1) * 64
    torch.manual_seed(0)
    attempts = HFGenerate(adapted, config, 64)(prompts, None)
    torch.manual_seed(0)
    assert attempts == HFGenerate(POLICY, config, 64)(prompts, None)
    assert len({tuple(attempt) for attempt in attempts}) > 10
    assert policy.generation_config is own


def test_each_sequence_of_a_rollout_tells_a_sampler_logp_or_a_place_for_each_token():
    """Also that of a turn that was not taken, or a batch that it begins would have none."""
    told = [[-1.0, -2.0], [], []]
    contexts = [[1, 2, 3, 4], [1, 2, 3]]
    rollout = Rollout([1, 2], [[5, 6], [], []], [[7], [8]], [False] * 3, told, contexts=contexts)
    assert [s.sampler_logps for s in rollout.sequences()] == [
        [0.0, 0.0, -1.0, -2.0],
        [0.0] * 4,
        [0.0] * 3,
    ]
    rollout.sampler_logps = []  # of a sampler that tells none
    assert [s.sampler_logps for s in rollout.sequences()] == [[]] * 3
