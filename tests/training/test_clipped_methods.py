"""GRPO and ThinkTwice in the trainer: what they sample, several updates a set, budgets of tokens."""

import json

import pytest
import torch
from launching import TRAINING, accelerate, run
from places import ROOT
from score.sampling.rollout import attempt_texts
from score.training.candidates import AlreadyTrained, EndsOnce
from score.training.checkpoints import newest_whole_checkpoint
from score.training.config import SCoReConfig
from score.training.selection import Selection
from score.training.settings import TrainSettings
from stand_in_engine import StandIn
from training_runs import (
    CLIPPED_LOSS,
    StopAfter,
    judge,
    make_trainer,
    records,
    same,
    token_gradient,
    weights,
)
from trl.trainer import grpo_trainer

CLIPPED = {
    **CLIPPED_LOSS,
    "per_device_train_batch_size": 8,
    "max_steps": 8,
}
GRPO = {**CLIPPED, "objective": "grpo", "num_turns": 1, "dynamic_sampling_rounds": 2}
THINK = {**CLIPPED, "objective": "thinktwice"}


def trained(folder, told, **changes):
    trainer = make_trainer(folder, **{**told, **changes})
    sets, draw = [], trainer._sample_set

    def watched(rows):
        sets.append(draw(rows))
        return sets[-1]

    trainer._sample_set = watched
    trainer.train()
    return trainer, sets


def test_thinktwice_corrects_one_of_the_attempts_that_it_has_just_trained(tmp_path):
    trainer, sets = trained(tmp_path, THINK)
    assert [len(one.rollouts[0].attempts) for one in sets] == [1, 2, 1, 2]
    for first, second in zip(sets[::2], sets[1::2], strict=True):
        assert [p["prompt"] for p in first.problems] == [p["prompt"] for p in second.problems]
        for start in range(0, 16, 4):
            attempts = [r.attempts[0] for r in first.rollouts[start : start + 4]]
            corrected = [r.attempts[0] for r in second.rollouts[start : start + 4]]
            assert corrected[0] in attempts and corrected == [corrected[0]] * 4
        later = sum(len(r.attempts[1]) for r in second.rollouts)
        assert (first.tokens, second.tokens) == (
            sum(len(r.attempts[0]) for r in first.rollouts),
            later,
        )
    assert sets[0].problems[0]["prompt"] != sets[2].problems[0]["prompt"]
    told = records(trainer)
    assert [("reward_t2" in r, "entropy_t1" in r) for r in told] == [(False, True)] * 2 + [
        (True, False)
    ] * 2 + [(False, True)] * 2 + [(True, False)] * 2
    assert [r["sampled_tokens"] for r in told[1::2]] == [0.0] * 4


def test_thinktwice_chooses_uniformly(tmp_path):
    """Each of four places, over 64 choices: none is outside of five deviations."""
    trainer, counts = make_trainer(tmp_path, **THINK), torch.zeros(4)
    rollouts = trainer._sample([trainer.train_dataset[0]["prompt"]] * 16, None, turns=1)
    for i, rollout in enumerate(rollouts):
        rollout.attempts[0] = [i % 4]
    for step in range(16):
        trainer.state.global_step = step
        trainer._choose_attempts(rollouts)
        for (place,) in trainer._chosen_attempts(16)[::4]:
            counts[place] += 1
    assert counts.sum() == 64 and (counts - 16).abs().max() < 5 * 12**0.5


def test_thinktwice_asks_an_engine_for_no_first_attempt_that_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", StandIn)
    trainer, _ = trained(tmp_path, THINK, max_steps=4, use_vllm=True, vllm_mode="colocate")
    calls = [call for call in trainer.vllm_generation.calls if call != "sync"]
    assert [(k, len(prompts)) for k, prompts in calls] == [(4, 16), (1, 16)]


def test_groups_paid_alike_are_replaced_in_a_bounded_number_of_rounds(tmp_path):
    plain, _ = trained(tmp_path / "plain", GRPO, dynamic_sampling_rounds=0, max_steps=2)
    assert sum(r["equal_groups_t1"] for r in records(plain)) > 0
    replaced, (found,) = trained(tmp_path / "more", GRPO, max_steps=2)
    told = records(replaced)
    assert [r["equal_groups_t1"] for r in told] == [0.0, 0.0]
    assert told[0]["dynamic_sampling_rounds"] == found.rounds >= 1
    assert told[0]["sampled_tokens"] > records(plain)[0]["sampled_tokens"]
    texts = [text for (text,) in attempt_texts(found.rollouts, replaced.processing_class)]
    scores = judge(texts, [problem["answer"] for problem in found.problems])
    assert found.scored.scores[:, 0].tolist() == scores  # rows and problems moved together
    never = make_trainer(tmp_path, **GRPO, verifier=lambda a, g: [0.0] * len(a))
    never.train()
    assert {r["equal_groups_t1"] for r in records(never)} == {1.0}
    assert records(never)[0]["dynamic_sampling_rounds"] == 2


@pytest.mark.parametrize("told", [GRPO, THINK], ids=["grpo", "thinktwice"])
def test_training_stopped_between_sets_resumes_bit_for_bit(tmp_path, told):
    """ThinkTwice between attempts and corrections: what is corrected is in the checkpoint."""
    saving = {**told, "save_strategy": "steps", "save_steps": 2}
    whole = make_trainer(tmp_path / "whole", **saving)
    whole.train()
    broken = make_trainer(tmp_path / "broken", **saving)
    broken.add_callback(StopAfter(2))
    broken.train()
    resumed = make_trainer(tmp_path / "broken", **saving)
    resumed.train(resume_from_checkpoint=newest_whole_checkpoint(str(tmp_path / "broken")))
    assert records(resumed) == records(whole)
    assert same(weights(resumed), weights(whole))


def test_later_updates_of_a_set_are_held_to_the_policy_that_was_sampled(tmp_path):
    """At a high rate the second update's tokens are far from it, and those beyond the bounds stay."""
    trainer = make_trainer(tmp_path, **{**GRPO, "learning_rate": 0.05, "max_steps": 2})
    seen, compute = [], trainer._compute_loss

    def watched(model, inputs):
        seen.append(inputs)
        return compute(model, inputs)

    trainer._compute_loss = watched
    trainer.train()
    trainer._compute_loss = compute
    assert ["old_logps" in one for one in seen] == [False, True]
    trainer.current_gradient_accumulation_steps = 1
    batch = seen[1]
    gradient = token_gradient(trainer, batch)
    ratio = (trainer._no_grad_logps(batch, reference=False) - batch["old_logps"]).exp()
    pull = torch.nn.functional.pad(batch["advantages"], (1, 0)).gather(1, batch["turn"])
    beyond = ((ratio > 1.281) & (pull > 0)) | ((ratio < 0.799) & (pull < 0))
    within = (ratio > 0.801) & (ratio < 1.279) & (pull != 0)
    assert beyond.any() and (gradient[beyond] == 0).all()
    assert (gradient[within] != 0).all()


def test_a_budget_of_tokens_ends_training_with_the_set_that_reaches_it(tmp_path):
    told = {**TRAINING, "lr_scheduler_type": "constant", "num_warmup_steps": 0, "total_tokens": 200}
    settings = TrainSettings(**{**told, **SETTINGS["grpo"], "save_steps": 2})
    saving = {**GRPO, "max_steps": 32, "save_strategy": "steps", "save_steps": 2}
    trainer = make_trainer(tmp_path, **saving)
    trainer.add_callback(EndsOnce(Selection(settings)))
    trainer.train()
    sampled = [r["sampled_tokens"] for r in records(trainer)]
    assert len(sampled) % 2 == 0 and sum(sampled) >= 200 > sum(sampled[:-2])
    again = make_trainer(tmp_path, **saving)
    again.add_callback(EndsOnce(Selection(settings)))
    with pytest.raises(AlreadyTrained):
        again.train(resume_from_checkpoint=newest_whole_checkpoint(str(tmp_path)))


SETTINGS = {
    name: {
        **{k: v for k, v in CLIPPED.items() if k != "max_steps"},
        "objective": name,
        "num_turns": turns,
        "total_episodes": 64,
    }
    for name, turns in (("grpo", 1), ("thinktwice", 2))
}


@pytest.mark.parametrize(
    ("objective", "changes", "said"),
    [
        ("grpo", {"clip_low": None}, "clip_low is None with objective grpo; expected how far"),
        ("grpo", {"init_kl_coef": 0.1}, "init_kl_coef is 0.1 with objective grpo; expected 0"),
        ("grpo", {"scale_advantages": True}, "scale_advantages is True .* expected false"),
        ("grpo", {"save_steps": 3}, "save_steps is 3.* expected a multiple of 2 updates"),
        (
            "grpo",
            {"total_episodes": 24},
            "total_episodes is 24, 3 updates; expected a multiple of 2",
        ),
        ("grpo", {"total_tokens": 9}, "lr_scheduler_type is linear with total_tokens"),
        ("thinktwice", {"total_episodes": 48}, "expected a multiple of 4 updates"),
        ("thinktwice", {"num_turns": 3}, "num_turns is 3 with objective thinktwice; expected 2"),
        (
            "thinktwice",
            {"dynamic_sampling_rounds": 1},
            "dynamic_sampling_rounds is 1 .* expected 0",
        ),
        (
            "thinktwice",
            {"corrections_per_attempt": 2},
            "corrections_per_attempt is 2 .* expected 1",
        ),
        (
            "thinktwice",
            {"select_checkpoint": "training_reward"},
            "select_checkpoint is training_reward .* expected last or validation",
        ),
    ],
)
def test_what_a_clipped_method_can_not_do_is_refused(objective, changes, said):
    told = {**TRAINING, **SETTINGS[objective]}
    TrainSettings(**told)
    with pytest.raises(ValueError, match=said):
        TrainSettings(**{**told, **changes})


@pytest.mark.parametrize("change", [{"clip_low": 0.2}, {"clip_high": 0.2}, {"mini_batches": 2}])
def test_what_belongs_to_clipped_methods_is_refused_elsewhere(tmp_path, change):
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=f"{name} is {value} with objective stage_one"):
        SCoReConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **change)


@pytest.mark.slow
def test_two_ranks_train_methods_alike_and_resume_bit_for_bit(tmp_path):
    """Also groups that lie on both, of rollouts that share their first attempts."""
    run([*accelerate("cpu"), str(ROOT / "tests/support/launched_methods.py"), str(tmp_path)])
    one, two = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    for name in ("grpo", "thinktwice"):
        assert one[name]["resumed_equals_whole"] and two[name]["resumed_equals_whole"], name
        sampled = [[r["sampled_tokens"] for r in told[name]["records"]] for told in (one, two)]
        assert sampled[0] == sampled[1]
    assert [r["sampled_tokens"] for r in one["thinktwice"]["records"][:4]] == [112, 0, 128, 0]
    # 10 first attempts of 7 tokens, and 20 corrections of 8
    assert [r["sampled_tokens"] for r in one["stage_two"]["records"]] == [230] * 3
