"""Training from plain text: the tokens of the stop string are trained, with exact log-probabilities."""

import pytest
import torch
import training_runs
from base_policies import plain, save_policy
from score.sampling.rollout import cut_off
from score.training.checkpoints import newest_whole_checkpoint
from score.training.prefixes import batch_order
from stand_in_engine import StandIn
from training_runs import StopAfter, first_update, make_trainer, records, same, weights, whole_rows
from trl.trainer import grpo_trainer

STOPS = ["e", "\n\n"]


def judge(attempts, answers):
    assert not any(stop in text for text in attempts for stop in STOPS)
    return [float(len(text) > 4) for text in attempts]


@pytest.fixture
def make(tmp_path, monkeypatch):
    path = save_policy(tmp_path / "base")
    monkeypatch.setattr(training_runs, "load_tokenizer", lambda _: plain(path, STOPS))
    told = {"model": path, "verifier": judge, "max_completion_length": 24}
    return lambda name="out", **changes: make_trainer(tmp_path / name, **told, **changes)


def test_tokens_up_to_the_stop_string_are_trained_with_their_own_log_probabilities(make):
    trainer = make(max_steps=1, warmup_steps=0)
    seen, sample = [], trainer._sample
    trainer._sample = lambda *asked, **told: seen.extend(sample(*asked, **told)) or seen
    (batch,) = first_update(trainer)
    batch = whole_rows(batch)
    rows = [seen[i].tokens() for i in batch_order(seen, trainer.args.per_device_train_batch_size)]
    ended = sum(not cut for rollout in seen for cut in rollout.truncated)
    assert ended > 10
    policy = trainer.model.eval()
    for i, (ids, turn) in enumerate(rows):
        assert batch["input_ids"][i, : len(ids)].tolist() == ids
        assert batch["turn"][i, : len(ids)].tolist() == turn
        logits = policy(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        naive = [logits[n - 1, ids[n]].item() if turn[n] else 0.0 for n in range(len(ids))]
        assert torch.allclose(batch["ref_logps"][i, : len(ids)], torch.tensor(naive), atol=1e-4)
    for rollout in seen:
        for attempt, cut in zip(rollout.attempts, rollout.truncated, strict=True):
            assert cut == cut_off(attempt, trainer.stop_ids)
        assert rollout.tokens()[1].count(1) == len(rollout.attempts[0])


def test_stage_one_moves_the_policy_and_a_resumed_training_ends_with_the_same_weights(make):
    saving = {"warmup_steps": 0, "save_strategy": "steps", "save_steps": 2}
    whole = make("whole", **saving)
    before = weights(whole)
    whole.train()
    assert not same(weights(whole), before)
    broken = make("broken", **saving)
    broken.add_callback(StopAfter(2))
    broken.train()
    resumed = make("broken", **saving)
    resumed.train(resume_from_checkpoint=newest_whole_checkpoint(resumed.args.output_dir))
    assert records(resumed) == records(whole) and same(weights(resumed), weights(whole))


def test_engine_is_asked_to_stop_at_the_strings_and_overruns_are_cut(make, monkeypatch):
    """The stand-in knows nothing of stop strings, so all that ends an attempt is done by us."""
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", StandIn)
    trainer = make(use_vllm=True, vllm_mode="colocate")
    asked = trainer.vllm_generation.generation_kwargs
    assert (asked["stop"], asked["include_stop_str_in_output"]) == (STOPS, True)
    (batch,) = first_update(trainer)
    stops = trainer.stop_ids.strings
    for ids, turn in zip(batch["input_ids"].tolist(), batch["turn"].tolist(), strict=True):
        for t in (1, 2):
            attempt = [i for i, of in zip(ids, turn, strict=True) if of == t]
            assert stops.end(attempt) in (None, len(attempt))
    assert (batch["sampler_logps"] != 0).equal(batch["turn"] > 0)
