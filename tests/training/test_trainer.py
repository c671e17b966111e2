"""The trainer keeps what the proof promises, on a real policy and a real optimizer."""

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from score.policies.load import load_policy
from score.training.batches import token_logps
from score.training.checkpoints import newest_whole_checkpoint
from score.training.config import SCoReConfig
from score.training.offline_attempts import OfflineAttempts
from training_runs import (
    BASE,
    StopAfter,
    close,
    first_update,
    judge,
    make_trainer,
    moved_policy,
    problems,
    records,
    same,
    token_gradient,
    weights,
)

LORA = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")


@pytest.mark.parametrize("peft_config", [None, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("kl_estimator", ["k1", "k2"])
def test_kl_is_exactly_zero_at_step_0_and_not_after(tmp_path, peft_config, kl_estimator):
    trainer = make_trainer(tmp_path, peft_config=peft_config, kl_estimator=kl_estimator)
    trainer.train()
    first, *_, last = records(trainer)
    assert (first["kl_t1"], first["kl_t2"]) == (0.0, 0.0)
    assert last["kl_t1"] != 0.0
    assert last["kl_t2"] != 0.0


def test_reference_of_stage_two_is_the_base_and_never_moves(tmp_path):
    stage_one = make_trainer(tmp_path / "one", learning_rate=5e-3)
    stage_one.train()
    stage_one.save_model(str(tmp_path / "one"))
    base = weights(make_trainer(tmp_path / "base"))
    trainer = make_trainer(
        tmp_path / "two", str(tmp_path / "one"), reference=BASE, objective="stage_two"
    )
    trainer.train()
    assert same({n: p for n, p in trainer.ref_model.named_parameters()}, base)
    assert records(trainer)[0]["kl_t1"] != 0.0
    assert not same(weights(trainer), base)


def test_adapter_of_stage_one_goes_on_in_stage_two_with_the_base_below_as_reference(tmp_path):
    stage_one = make_trainer(tmp_path / "one", peft_config=LORA, learning_rate=5e-3)
    stage_one.train()
    stage_one.save_model(str(tmp_path / "one"))
    policy = load_policy(str(tmp_path / "one"), "float32", trainable=True)
    trainer = make_trainer(tmp_path / "two", policy, reference=BASE, objective="stage_two")
    trainer.train()
    assert trainer.ref_model is None
    assert trainer.reference_is_below_adapter
    assert records(trainer)[0]["kl_t1"] != 0.0
    moved = {n for n, p in weights(trainer).items() if not torch.equal(p, weights(stage_one)[n])}
    assert moved
    assert all("lora" in name for name in moved)


@pytest.mark.parametrize("kl_estimator", ["k1", "k2"])
def test_updates_and_rates_do_not_depend_on_how_a_batch_is_accumulated(tmp_path, kl_estimator):
    runs = []
    for rows, steps in ((8, 1), (1, 8)):
        trainer = make_trainer(
            tmp_path / f"{rows}x{steps}",
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=steps,
            kl_estimator=kl_estimator,
        )
        trainer.train()
        runs.append(trainer)
    one, other = (records(run) for run in runs)
    rates = [record["learning_rate"] for record in one]
    assert rates == [record["learning_rate"] for record in other]
    assert rates == pytest.approx([0.0, 5e-4, 1e-3])
    for name in ("reward_t1", "reward_t2", "kl_t1", "kl_t2", "grad_norm"):
        assert [r[name] for r in one] == pytest.approx([r[name] for r in other], abs=2e-4), name
    # AdamW makes part of a step of a gradient that is nothing but rounding, as a few weights have
    assert close(weights(runs[0]), weights(runs[1]), atol=2e-4)
    pairs = zip(weights(runs[0]).values(), weights(runs[1]).values(), strict=True)
    apart = torch.cat([(one - other).abs().flatten() for one, other in pairs])
    assert (apart > 1e-6).float().mean() < 1e-3


def test_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    """Also in a later epoch: 32 problems of which an update takes 16, so 2 updates an epoch."""
    saving = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, "num_generations": 2}
    saving |= {"per_device_train_batch_size": 32}
    whole = make_trainer(tmp_path / "whole", **saving)
    whole.train()
    broken = make_trainer(tmp_path / "broken", **saving)
    broken.add_callback(StopAfter(5))
    broken.train()
    (tmp_path / "broken" / "checkpoint-5").mkdir(exist_ok=True)  # torn: nothing in it
    resumed = make_trainer(tmp_path / "broken", **saving)
    checkpoint = newest_whole_checkpoint(str(tmp_path / "broken"))
    assert checkpoint.endswith("checkpoint-4")
    resumed.train(resume_from_checkpoint=checkpoint)
    assert same(weights(resumed), weights(whole))
    assert records(resumed) == records(whole)


def test_dropout_of_an_adapter_is_off_since_attempts_are_sampled_without(tmp_path):
    thinned = LoraConfig(
        r=4, lora_alpha=8, lora_dropout=0.9, target_modules="all-linear", init_lora_weights=False
    )
    trainer = make_trainer(tmp_path, peft_config=thinned)
    batch = {
        "input_ids": torch.tensor([[20, 30, 40, 50]]),
        "attention_mask": torch.ones(1, 4, dtype=torch.long),
        "turn": torch.tensor([[0, 1, 0, 2]]),
    }
    trainer.model.train()
    whole = trainer._no_grad_logps(batch, reference=False)
    assert trainer.model.training
    assert torch.equal(token_logps(trainer.model, batch)[0], whole)


def test_log_probabilities_are_taken_at_the_temperature_of_sampling(tmp_path):
    hot, plain = (make_trainer(tmp_path / str(t), temperature=t) for t in (2.0, 1.0))
    batch = {
        "input_ids": torch.tensor([[20, 30, 40, 50]]),
        "attention_mask": torch.ones(1, 4, dtype=torch.long),
        "turn": torch.tensor([[0, 1, 0, 2]]),
    }
    logits = hot.model(batch["input_ids"]).logits[0, [0, 2]].float()
    for trainer, temperature in ((hot, 2.0), (plain, 1.0)):
        naive = (logits / temperature).log_softmax(-1)[[0, 1], [30, 50]]
        for reference in (False, True):
            found = trainer._no_grad_logps(batch, reference)[0, [1, 3]]
            assert torch.allclose(found, naive, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_sampler_tells_the_log_probabilities_that_the_trainer_works_out(tmp_path, share):
    """Also where first attempts are given: those are context, of which nothing is told."""
    names = problems()["problem_id"]
    given = OfflineAttempts({name: [[20, 30]] for name in names}, share, seed=3)
    trainer = make_trainer(
        tmp_path,
        objective="stage_two",
        temperature=1.3,
        sampler_ratios=True,
        offline_first_attempts=share,
        first_attempts=given if share else None,
    )
    (batch,) = first_update(trainer)
    turns = [set(row.tolist()) for row in batch["turn"]]
    assert {1 in turn for turn in turns} == ({True, False} if share else {True})
    logps = trainer._no_grad_logps(batch, reference=False)
    assert (batch["sampler_logps"] - logps).abs().max() < 5e-5
    assert all((logps != 0)[batch["turn"] == turn].any() for turn in (1, 2))


@pytest.mark.parametrize(
    ("asked", "bf16", "told"), [(None, True, True), (None, False, False), (True, False, True)]
)
def test_sampler_tells_in_bfloat16_or_when_asked(tmp_path, asked, bf16, told):
    config = SCoReConfig(output_dir=str(tmp_path), use_cpu=True, bf16=bf16, sampler_ratios=asked)
    assert config.sampler_ratios is told


def test_attempts_of_no_words_and_cut_attempts_are_trained_on_all_the_same(tmp_path):
    trainer = make_trainer(tmp_path, max_completion_length=1, verifier=lambda a, g: [0.0] * len(a))
    trainer.train()
    assert records(trainer)[0]["truncated_t1"] > 0.9
    assert all(torch.isfinite(p).all() for p in weights(trainer).values())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"top_p": 0.9}, "top_p is 0.9"),
        ({"top_k": 50}, "top_k is 50"),
        ({"repetition_penalty": 1.1}, "repetition_penalty is 1.1"),
        ({"generation_kwargs": {"typical_p": 0.9}}, "generation_kwargs"),
        ({"temperature": 0.0}, "temperature"),
        ({"disable_dropout": False}, "disable_dropout is False; expected true"),
        ({"beta": 0.04}, "init_kl_coef and corr_kl_coef"),
        ({"num_iterations": 2}, "num_iterations is 2"),
        ({"kl_estimator": "k3"}, "kl_estimator is 'k3'"),
        ({"objective": "stage_three"}, "objective is 'stage_three'"),
        ({"num_turns": 1}, "num_turns is 1; expected 2 or more for objective stage_one"),
        ({"objective": "single_turn"}, "num_turns is 2; expected 1 for objective single_turn"),
        ({"init_kl_target": 0.0}, "init_kl_target is 0.0; expected more than 0"),
        ({"init_kl_target": 0.1, "init_kl_coef": 0.0}, "init_kl_coef is 0.0 with an init_kl_tar"),
        ({"init_kl_target": 0.1, "objective": "stage_two"}, "only stage_one holds"),
        ({"offline_first_attempts": 0.5}, "is 0.5 with objective stage_one; expected 0"),
        ({"offline_first_attempts": 1.5, "objective": "stage_two"}, "a share from 0 to 1"),
        ({"init_kl_coef": -0.1}, "init_kl_coef is -0.1"),
    ],
)
def test_what_the_method_excludes_is_refused(tmp_path, change, named):
    with pytest.raises(ValueError, match=named):
        SCoReConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **change)


@pytest.mark.parametrize("kl_estimator", ["k1", "k2"])
def test_single_turn_trains_first_attempts_alone(tmp_path, kl_estimator):
    seen = []

    def watch(attempts, answers):
        seen.extend(attempts)
        return judge(attempts, answers)

    trainer = make_trainer(
        tmp_path,
        objective="single_turn",
        num_turns=1,
        max_steps=15,
        per_device_train_batch_size=128,
        init_kl_coef=0.01,
        kl_estimator=kl_estimator,
        verifier=watch,
    )
    trainer.train()
    told = records(trainer)
    assert len(seen) == 15 * 128
    assert {name[-1] for name in told[0] if name[:-1].endswith("_t")} == {"1"}
    assert "unchanged" not in told[0]
    assert told[0]["kl_t1"] == 0.0
    first, last = (sum(r["reward_t1"] for r in part) for part in (told[:5], told[-5:]))
    assert last > first + 0.2, (first, last)


@pytest.mark.parametrize("alpha", [0.0, 10.0])
@pytest.mark.parametrize("kl_estimator", ["k1", "k2"])
def test_kl_weighs_the_same_with_scaling_and_without(tmp_path, kl_estimator, alpha):
    """Scaled gradient × σ is the unscaled one, token for token; σ is what training.jsonl tells."""
    gradients = []
    for scale in (False, True):
        trainer = make_trainer(
            tmp_path,
            moved_policy(),
            reference=BASE,
            objective="stage_two",
            kl_estimator=kl_estimator,
            scale_advantages=scale,
            stage2_alpha=alpha,
        )
        (batch,) = first_update(trainer)
        gradient = token_gradient(trainer, batch)
        trainer.log({})
        sigma = trainer.state.log_history[-1]["reward_deviation"]
        gradients.append(gradient * (sigma if scale else 1))
    assert abs(sigma - 1) > 0.1
    plain, scaled = gradients
    assert (plain != 0).any()
    assert torch.allclose(scaled, plain, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kl_estimator", ["k1", "k2"])
def test_direct_multi_turn_samples_attempt_1_and_trains_attempt_2_alone(tmp_path, kl_estimator):
    """With a policy away from its reference, so that a KL of turn 1 would show."""
    trainer = make_trainer(
        tmp_path,
        moved_policy(),
        reference=BASE,
        objective="direct_multi_turn",
        kl_estimator=kl_estimator,
    )
    (batch,) = first_update(trainer)
    gradient = token_gradient(trainer, batch)
    assert (gradient[batch["turn"] == 1] == 0).all()
    assert (gradient[batch["turn"] == 2] != 0).any()


@pytest.mark.parametrize("peft_config", [None, LORA], ids=["full", "lora"])
def test_stage_one_of_three_turns_has_the_policy_of_two_as_reference(tmp_path, peft_config):
    """Stage I(b): attempt 3 alone earns, and the KL is to the policy of Stage I(a)."""
    two = make_trainer(tmp_path / "a", peft_config=peft_config)
    two.train()
    two.save_model(str(tmp_path / "a"))
    start = str(tmp_path / "a")
    policy = load_policy(start, "float32", trainable=True)
    three = make_trainer(
        tmp_path / "b",
        policy,
        reference=start,
        num_turns=3,
        kl_estimator="k2",
        verifier=lambda attempts, answers: [len(text) % 2 for text in attempts],
    )
    three.train()
    first, *_, last = records(three)
    assert [first[f"kl_t{t}"] for t in (1, 2, 3)] == [0.0, 0.0, 0.0]
    assert all(last[f"kl_t{t}"] != 0.0 for t in (1, 2, 3))
    assert three.kl_weights == [0.5, 0.5, 0.1]
    batch = three._buffered_inputs[0]
    assert batch["turn"].unique().tolist() == [0, 1, 2, 3]
    assert (batch["advantages"][:, :2] == 0).all()
    assert (batch["advantages"][:, 2] != 0).any()


def test_too_few_problems_for_an_update_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds 32 problems, but one update needs 64"):
        make_trainer(tmp_path, per_device_train_batch_size=256)


def test_judge_and_problems_are_what_the_tests_above_take_them_for():
    rows = problems(4)
    stated = [answer.partition(" : ")[2] for answer in rows["answer"]]
    assert judge(stated, rows["answer"]) == [1.0] * 4
    assert judge(stated, rows["answer"][::-1]) == [0.0] * 4
    assert json.loads(Path(BASE, "config.json").read_text())["vocab_size"] == 143
