"""PAG in the trainer: the shipped policy judges itself, by a verdict that is read off its token ids."""

import pytest
import torch
from launching import TRAINING
from score.sampling.rollout import Rollout
from score.sampling.self_verified import ReadVerdicts, as_attempts
from score.tasks import math
from score.training.advantages import in_equal_groups
from score.training.judging import Judging
from score.training.methods.method import Groups
from score.training.self_verified import of_attempts_alone, score_verified
from score.training.settings import TrainSettings
from score.training.train import trainer_config
from score.training.validation import Validation
from stand_in_engine import StandIn
from training_runs import (
    StopAfter,
    first_update,
    judge,
    make_trainer,
    problems,
    records,
    same,
    token_gradient,
    weights,
    whole_rows,
)
from trl.trainer import grpo_trainer

PAG = {
    "objective": "pag",
    "stage2_alpha": 1.0,
    "scale_advantages": True,
    "verify_prompt": "make",
    "revise_prompt": "recheck",
}


@pytest.fixture(autouse=True)
def says_wrong_of_every_other(monkeypatch):
    says = lambda self, turns: ["wrong" if sum(t) % 2 else "correct" for t in turns]  # noqa: E731
    monkeypatch.setattr(ReadVerdicts, "__call__", says)


def watched(trainer):
    """The sets of rollouts that the trainer draws."""
    sets, draw = [], trainer._sample_set

    def noting(rows):
        sets.append(draw(rows))
        return sets[-1]

    trainer._sample_set = noting
    return sets


@pytest.mark.parametrize("kl", ["k1", "k2"])
def test_turns_that_a_rollout_takes_are_trained_and_no_others(tmp_path, kl):
    trainer = make_trainer(tmp_path, **PAG, kl_estimator=kl)
    sets = watched(trainer)
    (batch,) = first_update(trainer)
    (drawn,) = sets
    revised = [bool(r.attempts[2]) for r in drawn.rollouts]
    assert {True, False} == set(revised) and drawn.tokens == sum(
        len(turn) for r in drawn.rollouts for turn in r.attempts
    )
    whole = whole_rows(batch)
    assert batch["advantages"].isfinite().all() and batch["advantages"].size(1) == 3
    rows = zip(whole["input_ids"], whole["turn"], strict=True)
    trained = [[row[turn == t].tolist() for t in (1, 2, 3)] for row, turn in rows]
    assert sorted(trained) == sorted(r.attempts for r in drawn.rollouts)
    gradient = token_gradient(trainer, batch)
    assert gradient.isfinite().all() and (gradient[batch["turn"] == 0] == 0).all()
    has_revision = (batch["turn"] == 3).any(1)
    assert (batch["advantages"][~has_revision, 2] == 0).all()
    assert (batch["advantages"][has_revision, 2] != 0).any()


def test_update_divides_each_turn_by_the_deviation_of_its_role(tmp_path):
    scaled, plain = (
        make_trainer(
            tmp_path,
            **{**PAG, "scale_advantages": scale, "sampler_ratios": False},
            kl_estimator="k2",
        )
        for scale in (True, False)
    )
    gradients = []
    for trainer in (scaled, plain):
        (batch,) = first_update(trainer)
        gradients.append(token_gradient(trainer, batch))
    policy, verifier, again = scaled.reward_deviation
    assert policy == again != verifier and min(policy, verifier) > 0.1
    divided = gradients[1].clone()
    for turn, sigma in ((1, policy), (2, verifier), (3, policy)):
        divided[batch["turn"] == turn] /= sigma
    assert torch.allclose(gradients[0], divided, atol=1e-7)


def test_records_tell_of_verdicts_revisions_and_what_stands(tmp_path):
    trainer = make_trainer(tmp_path, **PAG)
    sets = watched(trainer)
    trainer.train()
    told, (first, *_) = records(trainer)[0], sets
    scores = first.scored.scores
    final = torch.where(scores[:, 2].isnan(), scores[:, 0], scores[:, 2])
    assert told["reward_t1"] == pytest.approx(scores[:, 0].mean().item())
    assert told["reward_t2"] == pytest.approx(scores[:, 1].mean().item())
    assert told["reward_t3"] == pytest.approx(final.mean().item())
    assert told["revised"] == pytest.approx(1 - scores[:, 2].isnan().float().mean().item())
    assert told["sampled_tokens"] == first.tokens and told["verifier_deviation"] > 0
    gained = ((scores[:, 0] < 1) & (final == 1)).float().mean().item()
    assert told["incorrect_to_correct"] == pytest.approx(gained)
    assert {f"kl_t{t}" for t in (1, 2, 3)} <= set(told)


def test_interrupted_training_resumes_bit_for_bit(tmp_path):
    whole = make_trainer(tmp_path / "whole", **PAG, save_strategy="steps", save_steps=1)
    whole.train()
    parted = make_trainer(tmp_path / "parted", **PAG, save_strategy="steps", save_steps=1)
    parted.add_callback(StopAfter(1))
    parted.train()
    resumed = make_trainer(tmp_path / "parted", **PAG, save_strategy="steps", save_steps=1)
    resumed.train(resume_from_checkpoint=True)
    assert same(weights(whole.model), weights(resumed.model))


def test_validation_judges_what_stands_in_the_end(tmp_path):
    trainer = make_trainer(tmp_path, **PAG)
    rows = list(problems(8))
    rollouts = trainer.sample_greedily([row["prompt"] for row in rows], 2)
    texts = [
        [
            trainer.processing_class.decode(ids, skip_special_tokens=True).strip()
            for ids in r.attempts
        ]
        for r in rollouts
    ]
    told = Validation(trainer, rows, 1).accuracies()
    for t in (0, 1):
        right = judge([row[t] for row in texts], [row["answer"] for row in rows])
        assert told[f"validation_accuracy_t{t + 1}"] == pytest.approx(sum(right) / 8)


def test_an_engine_is_asked_for_revisions_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", StandIn)
    trainer = make_trainer(tmp_path, **PAG, use_vllm=True, vllm_mode="colocate")
    sets = watched(trainer)
    (batch,) = first_update(trainer)
    assert ((batch["sampler_logps"] != 0) <= (batch["turn"] > 0)).all()
    for rollout in sets[0].rollouts:
        assert [len(told) for told in rollout.sampler_logps] == [len(a) for a in rollout.attempts]


def test_groups_are_equal_where_all_that_take_the_turn_are_paid_alike():
    nan = torch.nan
    rewards = torch.tensor(
        [
            [1, 0, nan],
            [1, 1, nan],
            [0, 1, 2],
            [0, 1, nan],
            [1, 0, 2],
            [0, 0, -1],
            [0, 1, 0],
            [0, 0, nan],
        ]
    )
    equal = in_equal_groups(rewards, list(range(8)), Groups(2), 0)
    alone = [True, True, False], [True, False, True]  # its advantage is its reward, 2 and 0
    assert equal[::2].tolist() == [[True, False, True], alone[0], [False, True, False], alone[1]]


class Told:
    def __call__(self, turns):
        return [{1: "correct", 2: "wrong", 3: "unread"}[turn[0]] for turn in turns]

    of = ReadVerdicts.of


class Digits:
    def batch_decode(self, rows, skip_special_tokens):
        return ["".join(map(str, row)) for row in rows]


def test_verifier_turns_score_1_where_they_agree_with_the_verifier():
    """Right is what reads 7. Attempt, verifier turn (1 correct, 2 wrong, 3 unread), revision."""
    rows = [
        ([7], [1], [], [1.0, 1.0, torch.nan]),
        ([8], [1], [], [0.0, 0.0, torch.nan]),
        ([8], [2], [7], [0.0, 1.0, 1.0]),
        ([7], [2], [8], [1.0, 0.0, 0.0]),
        ([7], [3], [], [1.0, 0.0, torch.nan]),
        ([8], [3], [], [0.0, 0.0, torch.nan]),
    ]
    rollouts = [Rollout([0], [a, v, r], [[], []], [False] * 3) for a, v, r, _ in rows]
    right = lambda texts, answers: [float(text == "7") for text in texts]  # noqa: E731
    judging = Judging(right, [{"answer": "7"}] * 6, Digits())
    judging.add(range(6), [as_attempts(rollout).attempts for rollout in rollouts])
    scored = score_verified(judging.scored(), rollouts, Digits(), Told())
    expected = torch.tensor([row[-1] for row in rows])
    assert torch.equal(scored.scores.nan_to_num(9), expected.nan_to_num(9))
    assert scored.stated[0] == ["7", "correct", "7"] and scored.stated[4] == ["7", None, "7"]
    alone = of_attempts_alone(scored)
    assert alone.scores.tolist() == [[1, 1], [0, 0], [0, 1], [1, 0], [1, 1], [0, 0]]
    assert alone.texts[2] == ["8", "7"]


def test_pag_without_its_messages_or_with_shared_first_attempts_is_refused(tmp_path):
    with pytest.raises(ValueError, match="verify_prompt is None with objective pag"):
        make_trainer(tmp_path, objective="pag")
    with pytest.raises(
        ValueError, match="corrections_per_attempt is 2 with objective pag; expected 1"
    ):
        make_trainer(tmp_path, **PAG, corrections_per_attempt=2)


def test_job_asks_with_the_messages_of_the_task_and_reads_behind_its_reasoning(tmp_path):
    told = {"objective": "pag", "task_type": "math", "evaluator_function": "math_acc"}
    settings = TrainSettings(**{**TRAINING, **told, "reasoning_tags": ["<a>", "</a>"]})
    args = trainer_config(settings, str(tmp_path))
    assert (args.verify_prompt, args.revise_prompt) == (math.VERIFY_PROMPT, math.REVISE_PROMPT)
    assert args.reasoning_tags == ["<a>", "</a>"]
