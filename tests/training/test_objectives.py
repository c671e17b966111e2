"""What each objective pays a turn, and the weight that holds the first attempt's KL."""

from dataclasses import replace

import pytest
import torch
from score.sampling.rollout import attempt_texts
from score.training.adaptive_kl import current_weight, next_weight
from score.training.checkpoints import newest_whole_checkpoint
from score.training.health import paid_turns
from score.training.methods import METHODS
from score.training.methods.method import same_answers
from score.training.settings import MethodSettings
from training_runs import TASK, first_update, make_trainer, records


@pytest.mark.parametrize(
    ("kl", "factor"),
    [(0.05, 1.0), (0.055, 1.01), (0.045, 0.99), (0.5, 1.02), (0.0, 0.98), (-0.1, 0.98)],
    ids=["at target", "above", "below", "far above", "none", "negative estimate"],
)
def test_weight_rises_above_the_target_and_falls_below_by_at_most_2_percent(kl, factor):
    assert next_weight(0.4, kl, target=0.05) == pytest.approx(0.4 * factor)


def test_weight_follows_from_the_last_record():
    records = [
        {"init_kl_coef": 0.5, "kl_t1": 9.0},
        {"init_kl_coef": 0.6, "kl_t1": 0.0},
        {"loss": 1},
    ]
    assert current_weight(records, 0.5, 0.1) == pytest.approx(0.6 * 0.98)
    assert current_weight([], 0.5, 0.1) == 0.5
    assert current_weight(records, 0.5, None) == 0.5


def train(folder, target, checkpoint=None, **changes):
    trainer = make_trainer(
        folder,
        init_kl_target=target,
        kl_estimator="k2",
        max_steps=6,
        save_strategy="steps",
        save_steps=2,
        **changes,
    )
    trainer.train(resume_from_checkpoint=checkpoint)
    return trainer


def test_training_moves_towards_the_target_and_tells_the_weight_of_each_update(tmp_path):
    held, loose = (train(tmp_path / name, t) for name, t in (("held", 1e-6), ("loose", 1e6)))
    weights = [record["init_kl_coef"] for record in records(loose)]
    assert weights == pytest.approx([0.5 * 0.98**step for step in range(6)])
    # the first two updates see the policy before it has moved
    assert [r["init_kl_coef"] for r in records(held)][:3] == pytest.approx([0.5, 0.49, 0.4802])
    assert records(held)[-1]["init_kl_coef"] != pytest.approx(weights[-1])
    fixed = records(train(tmp_path / "fixed", None))
    assert all("init_kl_coef" not in record for record in fixed)


def test_resumed_training_goes_on_at_the_same_weight_bit_for_bit(tmp_path):
    whole = train(tmp_path, 0.002)
    (tmp_path / "checkpoint-6").rename(tmp_path / "later")
    checkpoint = newest_whole_checkpoint(str(tmp_path))
    assert checkpoint.endswith("checkpoint-4")
    resumed = train(tmp_path, 0.002, checkpoint)
    assert records(resumed) == records(whole)
    assert len({record["init_kl_coef"] for record in records(whole)}) == 6
    for name, weight in whole.model.named_parameters():
        assert torch.equal(weight, dict(resumed.model.named_parameters())[name])


@pytest.mark.parametrize(
    ("scores", "rewards"),
    [((1, 1), (1, 1)), ((0, 0), (0, 0)), ((0, 1), (0, 11)), ((1, 0), (1, -10))],
    ids=["right to right", "wrong to wrong", "wrong to right", "right to wrong"],
)
def test_stage_two_pays_the_bonus_on_turn_2_alone(scores, rewards):
    assert METHODS["stage_two"].rewards(
        torch.tensor([scores]).float(), MethodSettings()
    ).tolist() == [list(rewards)]


def test_stage_one_pays_nothing_for_the_first_attempt():
    scores = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert METHODS["stage_one"].rewards(scores, MethodSettings()).tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("objective_name", "rewards"),
    [
        ("stage_one", [[0, 0, 1], [0, 0, 0], [0, 0, 0]]),
        ("stage_two", [[0, 0, 11], [0, 11, -10], [1, 1, -10]]),
        ("direct_multi_turn", [[0, 0, 1], [0, 0, 0], [0, 0, 0]]),
        ("summed_return", [[1, 1, 1], [0, 0, 0], [0, 0, 0]]),
    ],
)
def test_pay_of_three_turns_is_this_by_hand(objective_name, rewards):
    """Stage I(b) pays attempt 3 alone; in Stage II each bonus is against the attempt before."""
    scores = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    assert METHODS[objective_name].rewards(scores, MethodSettings()).tolist() == rewards


def bonus_for_another_wrong_answer(scores, settings, first_same):
    """What a method may pay by answers: 0.5 where turn 2 is wrong and no repetition of turn 1."""
    rewards = scores.clone()
    rewards[:, 1] += 0.5 * ((first_same[:, 1] == 1) & (scores[:, 1] < 1))
    return rewards


PAID_BY_ANSWERS = replace(
    METHODS["stage_two"], rewards=bonus_for_another_wrong_answer, reads_answers=True
)


def test_a_method_that_asks_for_them_pays_by_stated_answers():
    scores = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    stated = [["7", "7"], ["7", "8"], ["7", "9"], [None, None]]
    paid = PAID_BY_ANSWERS.earned(scores, MethodSettings(), stated)
    assert paid.tolist() == [[0, 0], [0, 0.5], [0, 1], [0, 0]]
    assert METHODS["single_turn"].earned(scores, MethodSettings(), stated) is scores
    assert paid_turns(PAID_BY_ANSWERS, MethodSettings(), 2) == [1, 2]
    of_three = same_answers(torch.zeros(2, 3), [["a", "b", "a"], ["a", None, None]])
    assert of_three.tolist() == [[0, 1, 0], [0, 1, 1]]


def test_training_pays_by_the_answers_that_its_rollouts_state(tmp_path, monkeypatch):
    """The puzzle's policy, with a verifier that finds nothing right: the bonus alone is an advantage."""
    monkeypatch.setitem(METHODS, "stage_two", PAID_BY_ANSWERS)

    class Wrong(float):
        extracted = None

    def wrong(texts, answers):
        verdicts = [Wrong(0.0) for _ in texts]
        for verdict, text in zip(verdicts, texts, strict=True):
            verdict.extracted = TASK.extract(text, "default", "")
        return verdicts

    trainer = make_trainer(tmp_path, verifier=wrong, objective="stage_two", corr_kl_coef=0.0)
    first_update(trainer)
    rollouts, _, _, stated, equal, _ = trainer._sampled
    texts = attempt_texts(rollouts, trainer.processing_class)
    answers = [[TASK.extract(text, "default", "") for text in row] for row in texts]
    assert stated == answers and equal[:, 0].all()
    changed = torch.tensor([first != second for first, second in answers]).view(-1, 4)
    alike = (changed == changed[:, :1]).all(1).repeat_interleave(4)
    assert torch.equal(equal[:, 1], alike) and not alike.all()


def test_kl_weights_of_one_two_and_three_turns():
    """Stage I(a) holds attempt 1, Stage I(b) attempts 1 and 2."""
    assert METHODS["stage_one"].kl_weights(2, 0.1, 0.01) == [0.1, 0.01]
    assert METHODS["stage_one"].kl_weights(3, 0.1, 0.01) == [0.1, 0.1, 0.01]
    assert METHODS["direct_multi_turn"].kl_weights(3, 0.02, 0.01) == [0.0, 0.0, 0.01]
    for name in ("stage_two", "summed_return"):
        assert METHODS[name].kl_weights(3, 0.02, 0.01) == [0.02, 0.01, 0.01]
    assert METHODS["single_turn"].kl_weights(1, 0.02, 0.01) == [0.02]
