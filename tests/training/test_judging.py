"""Attempts are judged while others are sampled and scored, which changes no update."""

import threading
from contextlib import contextmanager

import pytest
import torch
from score.sampling.generate import HFGenerate
from score.sampling.self_verified import ReadVerdicts
from score.verifiers.verifier import Verifier
from training_runs import CLIPPED_LOSS, judge, make_trainer, records, same, weights


class InTheBackground:
    """The puzzle's verdicts from a verifier that can be asked first; it notes in what order."""

    def __init__(self, notes):
        self.notes, self.open = notes, 0

    def __call__(self, attempts, answers):
        raise AssertionError("asked for verdicts and waited for them at once")

    @contextmanager
    def grading(self):
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    def start(self, attempts, answers, questions=None):
        self.notes.append(f"begin {len(attempts)}")
        return list(zip(attempts, answers, strict=True))

    def verdicts(self, asked):
        self.notes.append("wait")
        return judge(*zip(*asked, strict=True))


@pytest.fixture
def notes(monkeypatch):
    """What a trainer does, in its order: sample a turn, begin with verdicts, wait for them."""
    notes, sample = [], HFGenerate.__call__

    def sampling(self, prompts, seeds):
        notes.append(f"sample {len(prompts)}")
        return sample(self, prompts, seeds)

    monkeypatch.setattr(HFGenerate, "__call__", sampling)
    return notes


def noting_passes(trainer, notes):
    score = trainer._no_grad_logps

    def scoring(batch, reference):
        notes.append("reference" if reference else "policy")
        return score(batch, reference)

    trainer._no_grad_logps = scoring
    return trainer


def test_turns_are_judged_as_they_are_sampled_and_awaited_behind_all_passes(tmp_path, notes):
    """16 rollouts in two parts, and the rewards hold the KL."""
    changes = {"local_rollout_forward_batch_size": 8, "max_steps": 1}
    verifier = InTheBackground(notes)
    noting_passes(make_trainer(tmp_path, verifier=verifier, **changes), notes).train()
    each_turn = ["sample 8", "begin 8"]
    assert notes == [*each_turn * 4, "reference", "policy", "wait"] and not verifier.open


PAG = {"objective": "pag", "verify_prompt": "make", "revise_prompt": "recheck"}
METHODS = {
    "stage_two": {"objective": "stage_two"},
    "shared": {"objective": "stage_two", "corrections_per_attempt": 2},
    "pag": PAG,
    "dynamic": {**CLIPPED_LOSS, "objective": "grpo", "num_turns": 1, "dynamic_sampling_rounds": 2},
}


@pytest.mark.parametrize("changes", METHODS.values(), ids=METHODS)
def test_updates_are_those_of_verdicts_that_were_waited_for(tmp_path, monkeypatch, changes):
    says = lambda self, turns: ["wrong" if sum(t) % 2 else "correct" for t in turns]  # noqa: E731
    monkeypatch.setattr(ReadVerdicts, "__call__", says)
    changes = {"max_steps": 2, "local_rollout_forward_batch_size": 8, **changes}
    notes, trainers = [], []
    for verifier in (judge, InTheBackground(notes)):
        trainers.append(make_trainer(tmp_path, verifier=verifier, **changes))
        torch.manual_seed(0)
        trainers[-1].train()
    plain, ahead = trainers
    assert same(weights(plain), weights(ahead)) and records(plain) == records(ahead)
    assert any(record["grad_norm"] > 0 for record in records(plain)) and "wait" in notes


SLOW = """
from score.tasks.puzzle import *
del quick_grade
def grade(extracted, answer, function):
    import time
    time.sleep(0.2)
    return 0.0
"""


def test_interrupted_scoring_leaves_no_thread_and_waits_for_few_verdicts(tmp_path):
    task = tmp_path / "slow.py"
    task.write_text(SLOW)
    with Verifier(str(task), workers=1) as verifier:
        trainer = make_trainer(tmp_path, verifier=verifier, second_opinions=0)

        def interrupted(batch, reference):
            raise KeyboardInterrupt

        trainer._no_grad_logps = interrupted
        before = threading.active_count()
        with pytest.raises(KeyboardInterrupt):
            trainer.train()
        assert threading.active_count() <= before
        assert sum(verifier.counts.values()) == 0
