"""Training where turn 2 does not see attempt 1's reasoning: each attempt is a sequence of its own."""

import pytest
import torch
import training_runs
from score.sampling.history import set_history
from score.sampling.tokenizers import load_tokenizer
from score.training.batches import token_logps
from score.training.offline_attempts import OfflineAttempts
from stand_in_engine import StandIn
from templates import policy_with_template
from thinking import TAGS, thinking_policy
from training_runs import close, first_update, make_trainer, problems, records, weights
from trl.trainer import grpo_trainer


def strips(template):
    """The puzzle's template, which from here on leaves reasoning out of earlier attempts."""
    shown = "message.content.split('</think>')[-1]"
    return template.replace("{% else %}{{ message.content }}", "{% else %}{{ " + shown + " }}")


@pytest.fixture
def trainer_of(tmp_path, monkeypatch):
    """Call it with keep or strip for a trainer of the policy at a path, the puzzle's by default."""
    puzzle = policy_with_template(tmp_path, strips)

    def of(history, path=puzzle, **settings):
        def load(_):
            tokenizer = load_tokenizer(path)
            set_history(tokenizer, history, TAGS)
            return tokenizer

        monkeypatch.setattr(training_runs, "load_tokenizer", load)
        monkeypatch.setattr(grpo_trainer, "VLLMGeneration", StandIn)
        return make_trainer(tmp_path / history, model=path, **settings)

    return of


def first_attempts(share):
    """Of each problem one attempt that was given."""
    tokenizer, rows = load_tokenizer(training_runs.BASE), problems()
    text = "-1 =5 -2 =3"
    ids = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    return OfflineAttempts({name: [ids] for name in rows["problem_id"]}, share, seed=3)


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": "stage_one", "kl_estimator": "k1"},
        {"objective": "stage_two", "kl_estimator": "k2", "scale_advantages": True},
        {"objective": "stage_two", "kl_estimator": "k1", "num_turns": 3},
        {"objective": "direct_multi_turn", "kl_estimator": "k2"},
        {"objective": "summed_return", "kl_estimator": "k2", "sampler_ratios": True},
        {"objective": "stage_two", "kl_estimator": "k2", "offline_first_attempts": 0.5},
        {"objective": "stage_two", "kl_estimator": "k1", "offline_first_attempts": 1.0},
        {"objective": "single_turn", "kl_estimator": "k2", "num_turns": 1},
        {"objective": "stage_two", "vllm_mode": "colocate", "use_vllm": True},
    ],
    ids=lambda settings: f"{settings['objective']} {list(settings)[-1]}",
)
def test_attempts_without_reasoning_are_trained_alike_with_either_history(trainer_of, settings):
    """What they see is then the same: but for rounding, so are all updates and what they record."""
    batch = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2}
    # Adam would make steps of one size of gradients that are 0 but for rounding.
    steps = {"max_steps": 2, "warmup_steps": 0, "optim": "sgd", "learning_rate": 0.1}
    settings = {**steps, **batch, **settings}
    told, after = [], []
    for history in ("keep", "strip"):
        share = settings.get("offline_first_attempts", 0.0)
        offline = first_attempts(share) if share else None
        trainer = trainer_of(history, first_attempts=offline, **settings)
        trainer.train()
        told.append(records(trainer))
        after.append(weights(trainer))
    turns = trainer.args.num_turns
    assert [len(batch["turn"]) for batch in trainer._buffered_inputs] == [8 * turns] * 2
    for kept, stripped in zip(*told, strict=True):
        assert stripped == pytest.approx(kept, rel=2e-3, abs=2e-5)
    assert close(*after, atol=2e-5)


@pytest.fixture(scope="module")
def thinking(tmp_path_factory):
    return thinking_policy(tmp_path_factory.mktemp("thinking"))


def ends_a_block(attempts, answers):
    return [float(TAGS[1] in attempt) for attempt in attempts]


SETTINGS = {
    "objective": "stage_two",
    "max_completion_length": 60,
    "verifier": ends_a_block,
    "kl_estimator": "k2",
    "sampler_ratios": True,
}


def test_sequences_are_what_was_shown_and_have_the_probabilities_of_one_pass_over_it(
    trainer_of, thinking
):
    trainer, asked = trainer_of("strip", thinking, **SETTINGS), []
    validated = trainer.sample_greedily(problems(4)["prompt"], 2)
    for rollout in validated:
        first = rollout.prompt, rollout.attempts[0]
        assert rollout.contexts == [trainer.bridge.next_context(*first)]
    sample = trainer._sample

    def watch(*given, **named):
        asked.extend(sample(*given, **named))
        return list(asked)

    trainer._sample = watch
    (batch,) = first_update(trainer)
    stripped = [r for r in asked if r.contexts[0] != r.prompt + r.attempts[0] + r.bridges[0]]
    assert 2 < len(stripped) < len(asked) == 16
    wanted = [
        (context + attempt, turn, len(context))
        for rollout in asked
        for turn, (context, attempt) in enumerate(
            zip([rollout.prompt, *rollout.contexts], rollout.attempts, strict=True), 1
        )
    ]
    model = trainer.accelerator.unwrap_model(trainer.model).eval()
    logps, _ = token_logps(model, batch)
    found = []
    for i, (ids, mask) in enumerate(zip(batch["input_ids"], batch["attention_mask"], strict=True)):
        own, start = ids[: mask.sum()], int((batch["turn"][i] > 0).int().argmax())
        before = own[:0]
        if "prefix_of" in batch:  # what sequences begin with alike lies apart from them
            prefix = batch["prefix_of"][i]
            before = batch["prefix_ids"][prefix][batch["prefix_mask"][prefix] > 0]
        whole = torch.cat([before, own])
        found.append((whole.tolist(), int(batch["turn"][i].max()), len(before) + start))
        with torch.no_grad():
            plain = model(input_ids=whole[None]).logits[0].log_softmax(-1)
        by_hand = plain[:-1].gather(1, whole[1:, None])[len(before) + start - 1 :, 0]
        trained = slice(start, len(own))
        assert (batch["turn"][i][trained] > 0).all()
        assert torch.allclose(logps[i][trained], by_hand, atol=1e-5)
        assert torch.allclose(batch["sampler_logps"][i][trained], by_hand, atol=1e-5)
        assert (logps[i][:start] == 0).all() and (batch["turn"][i][len(own) :] == 0).all()
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize("kl_estimator", ["k1", "k2"])
def test_updates_do_not_depend_on_how_stripped_sequences_are_accumulated(
    trainer_of, thinking, kl_estimator
):
    settings = {**SETTINGS, "kl_estimator": kl_estimator, "max_steps": 2, "warmup_steps": 0}
    after = []
    for size in (16, 4):
        steps = 16 // size
        trainer = trainer_of(
            "strip",
            thinking,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=steps,
            **settings,
        )
        trainer.train()
        assert [len(batch["turn"]) for batch in trainer._buffered_inputs] == [2 * size] * steps
        after.append(weights(trainer))
    assert close(*after, atol=2e-5)
    assert not close(after[0], weights(trainer_of("strip", thinking, **settings)), atol=1e-4)
