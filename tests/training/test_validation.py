"""Accuracy on validation problems while training: whose, of which attempts, and without a trace."""

from types import SimpleNamespace

import pytest
import torch
from launched_training import CHOICE
from launching import TRAINING
from sampling_runs import STOP
from score.policies.load import load_policy
from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.prompts import Bridge, prompt_ids
from score.sampling.rollout import attempt_texts, sample_rollouts
from score.sampling.tokenizers import load_tokenizer
from score.training import train
from score.training.candidates import EndsOnce
from score.training.selection import Selection
from score.training.settings import TrainSettings
from score.training.validation import Validation, share_of
from stand_in_engine import StandIn
from training_command import flags
from training_runs import BASE, TASK, judge, make_trainer, problems, records, same, weights
from trl.trainer import grpo_trainer

TOKENIZER = load_tokenizer(BASE)


@pytest.mark.parametrize(("count", "ranks"), [(10, 1), (10, 3), (2, 4), (8, 4)])
def test_every_problem_counts_once_and_all_ranks_answer_as_many(count, ranks):
    shares = [share_of(count, rank, ranks) for rank in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    counted = sorted(index for share in shares for index, counts in share if counts)
    assert counted == list(range(count))
    assert all(0 <= index < count for share in shares for index, _ in share)


def base_accuracies(rows):
    """What the shipped policy gets right greedily in two attempts, one problem at a time."""
    config = sampling_config(10, 0.0, STOP, TOKENIZER.pad_token_id)
    generate = HFGenerate(load_policy(BASE, "float32"), config, 1)
    bridge = Bridge.from_tokenizer(TOKENIZER, TASK.CORRECTION_PROMPT)
    prompts = [prompt_ids(TOKENIZER, row["prompt"]) for row in rows]
    texts = attempt_texts(sample_rollouts(prompts, bridge, generate, STOP), TOKENIZER)
    answers = [row["answer"] for row in rows]
    right = [judge([row[t] for row in texts], answers) for t in (0, 1)]
    return {f"validation_accuracy_t{t}": sum(r) / len(r) for t, r in enumerate(right, start=1)}


@pytest.mark.parametrize(
    "objective", [{}, {"objective": "single_turn", "num_turns": 1}], ids=["two", "one"]
)
def test_both_attempts_are_validated_greedily_whether_trained_or_not(tmp_path, objective):
    rows = list(problems(30))
    expected = base_accuracies(rows)
    assert 0 < min(expected.values())
    trainer = make_trainer(tmp_path, local_rollout_forward_batch_size=7, **objective)
    trainer.model.train()
    before = torch.get_rng_state()
    assert Validation(trainer, rows, 1).accuracies() == pytest.approx(expected)
    assert torch.equal(torch.get_rng_state(), before)
    assert trainer.model.training


def test_a_validated_training_is_the_same_training(tmp_path):
    plain = make_trainer(tmp_path / "plain", max_steps=5)
    plain.train()
    watched = make_trainer(tmp_path / "watched", max_steps=5)
    watched.add_callback(Validation(watched, problems(9), steps=2))
    watched.train()
    told = records(watched)
    validated = [r["step"] for r in told if "validation_accuracy_t2" in r]
    assert validated == [2, 4, 5]
    without = [{k: v for k, v in r.items() if "validation" not in k} for r in told]
    assert without == records(plain)
    assert same(weights(watched), weights(plain))


def test_the_update_that_spends_the_tokens_is_validated_since_it_is_the_last(tmp_path):
    chosen_by = {**vars(CHOICE), "updates": 9, "total_tokens": 300}
    selection = Selection(SimpleNamespace(**chosen_by))
    trainer = make_trainer(tmp_path, max_steps=9)
    for callback in (Validation(trainer, problems(9), 50, selection), EndsOnce(selection)):
        trainer.add_callback(callback)
    trainer.train()
    told = records(trainer)
    assert 1 < len(told) < 9
    assert ["validation_accuracy_t2" in record for record in told] == [False] * (len(told) - 1) + [
        True
    ]
    assert selection.chosen(told)[0] == len(told)


def test_an_engine_is_asked_for_one_greedy_attempt_and_samples_as_before(tmp_path, monkeypatch):
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", StandIn)
    trainer = make_trainer(tmp_path, use_vllm=True, vllm_mode="colocate")
    rows = list(problems(12))
    assert Validation(trainer, rows, 1).accuracies() == pytest.approx(base_accuracies(rows))
    calls = [call for call in trainer.vllm_generation.calls if call != "sync"]
    assert [(k, len(prompts)) for k, prompts in calls] == [(1, 12), (1, 12)]
    assert trainer.vllm_generation.temperature == 1.0


def test_steps_and_problems_to_validate_on_go_together(tmp_path):
    (tmp_path / "none.jsonl").write_text("")
    for told, path in ((5, None), (None, "data/puzzle/problems/test.jsonl"), (5, "none.jsonl")):
        settings = TrainSettings(**{**TRAINING, "validation_steps": told})
        given = flags(tmp_path, settings, validation=path and str(tmp_path / path))
        if path and "puzzle" in path:
            given.validation = path
        with pytest.raises(ValueError, match=f"validation_steps is {told} and --validation"):
            train.validation_problems(settings, given)
