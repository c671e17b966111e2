"""Micro-batches by a budget of tokens: an update's gradient stays what one plain batch gives."""

import random
from contextlib import nullcontext

import pytest
import torch
from score.sampling.rollout import Rollout, Sequence
from score.training.batches import pad_chosen, token_logps
from score.training.checkpoints import newest_whole_checkpoint
from score.training.loss import per_turn_sum
from score.training.micro_batches import packed, positions, rows_from, split
from training_runs import (
    CLIPPED_LOSS,
    StopAfter,
    close,
    first_update,
    make_trainer,
    moved_policy,
    records,
    same,
    weights,
)

K, LIMIT, ROLLOUTS = 4, 10, 32
LENGTHS = [10, 1, 0, 3, 10, 7, 2, 5, 0, 10, 4, 1, 10, 10, 6, 2]  # 0: empty, 10: cut off
BUDGETS = [100, 300, 10_000]
ROWS = {"per_device_train_batch_size": 16, "gradient_accumulation_steps": 2}
METHODS = {
    "k2": {"objective": "stage_two", "kl_estimator": "k2", "scale_advantages": True},
    "k1": {"objective": "stage_one", "kl_estimator": "k1"},
    "shared first attempts": {"objective": "stage_one", "corrections_per_attempt": 2},
    "clipped": {**CLIPPED_LOSS, "objective": "grpo", "num_turns": 1, "mini_batches": 1},
    "no KL": {"objective": "stage_two", "init_kl_coef": 0.0, "corr_kl_coef": 0.0},
    "a sequence an attempt": {"objective": "stage_two", "kl_estimator": "k2"},
}


def drawn_rollouts(trainer, turns, corrections, apart):
    """Ragged ones behind prompts of several lengths, some attempts empty and some cut off."""
    drawn, found = random.Random(5), []

    def ids(length):
        return [drawn.randrange(5, 40) for _ in range(length)]

    for i in range(ROLLOUTS):
        prompt = ids(3 + i // K) if i % K == 0 else found[-1].prompt
        first = ids(LENGTHS[i % 16]) if i % corrections == 0 else found[-1].attempts[0]
        attempts = [first, ids(LENGTHS[(7 * i + 4) % 16])][:turns]
        bridges = [trainer.bridge.after(first)][: turns - 1]
        contexts = [prompt + ids(4)] if apart else []
        cut = [len(attempt) == LIMIT for attempt in attempts]
        found.append(Rollout(prompt, attempts, bridges, cut, contexts=contexts))
    return found


def update_of(folder, name, shares=True, **sizes):
    """A trainer and what it makes of the same rollouts: an update's micro-batches. Half of the groups
    are paid alike, so that without a KL their rows weigh 0."""
    changes = METHODS[name]
    pays = random.Random(2)
    scores = [float(i % 16 < 8 and pays.random() < 0.5) for i in range(2 * ROLLOUTS)]
    trainer = make_trainer(
        folder,
        moved_policy(),
        reference="data/puzzle/policy",
        verifier=lambda attempts, answers: scores[: len(attempts)],
        **{**changes, **sizes},
    )
    trainer._shares_prefixes = shares
    apart = name == "a sequence an attempt"
    trainer._sequences = lambda: 2 if apart else 1
    shape = trainer.args.num_turns, trainer.args.corrections_per_attempt, apart
    trainer._sample = lambda *given, **named: drawn_rollouts(trainer, *shape)
    return trainer, first_update(trainer)


def told(trainer, update):
    """Log-probabilities of each rollout's attempts, and the gradient, of all its micro-batches."""
    sums = torch.zeros(ROLLOUTS, trainer.turns)
    with torch.no_grad():
        for batch in update:
            logps, _ = token_logps(trainer.model, batch)
            sums.index_add_(0, batch["rollout"], per_turn_sum(logps, batch["turn"], trainer.turns))
    trainer.model.zero_grad()
    trainer.compute_loss(trainer.model, update).backward()
    return sums, torch.cat([p.grad.flatten() for p in trainer.model.parameters()])


@pytest.mark.parametrize("name", METHODS)
def test_log_probabilities_and_gradient_are_those_of_one_plain_batch(tmp_path, name):
    one = {"per_device_train_batch_size": ROLLOUTS, "gradient_accumulation_steps": 1}
    trainer, plain = update_of(tmp_path, name, shares=False, **one)
    assert len(plain) == 1 and (plain[0]["turn"] > 0).sum(1).min() == 0
    logps, gradient = told(trainer, plain)
    assert gradient.norm() > 0.01
    for budget in BUDGETS:
        trainer, (update,) = update_of(tmp_path, name, micro_batch_tokens=budget, **ROWS)
        sizes = [len(batch["turn"]) for batch in update]
        assert len(sizes) == 1 if budget == 10_000 else len(set(sizes)) > 1
        for batch in update:
            assert (
                batch["turn"].numel() + batch.get("prefix_ids", batch["turn"][:0]).numel() <= budget
            )
        ours, theirs = told(trainer, update)
        assert torch.allclose(ours, logps, atol=1e-5)
        assert (theirs - gradient).norm() < 1e-5 * gradient.norm()


def test_ranks_with_fewer_micro_batches_split_theirs_and_exchange_gradients_once(tmp_path):
    one = {"per_device_train_batch_size": ROLLOUTS, "gradient_accumulation_steps": 1}
    _, gradient = told(*update_of(tmp_path, "k2", shares=False, **one))
    trainer, (alone,) = update_of(tmp_path, "k2", micro_batch_tokens=300, **ROWS)
    most = len(alone) + 3
    trainer.accelerator.gather = lambda own: torch.cat([own, torch.tensor([most])])
    (update,) = first_update(trainer)
    assert len(update) == most
    backward, inside, seen = trainer.accelerator.backward, [], []

    def unsynced(model):
        inside.append(model)
        return nullcontext()

    def watched(loss, **named):
        seen.append((trainer.accelerator.sync_gradients, len(inside)))
        backward(loss, **named)

    trainer.accelerator.no_sync, trainer.accelerator.backward = unsynced, watched
    _, ours = told(trainer, update)
    assert seen == [(False, i) for i in range(1, most)] and trainer.accelerator.sync_gradients
    assert (ours - gradient).norm() < 1e-5 * gradient.norm()


SAVING = {
    "micro_batch_tokens": 100,
    "max_steps": 4,
    "save_strategy": "steps",
    "save_steps": 2,
    **CLIPPED_LOSS,
    "objective": "grpo",
    "num_turns": 1,
    **ROWS,
}


def test_training_is_that_by_rows_and_resumes_bit_for_bit(tmp_path):
    whole = make_trainer(tmp_path / "whole", **SAVING)
    whole.train()
    assert max(map(len, whole._buffered_inputs)) > 1
    broken = make_trainer(tmp_path / "broken", **SAVING)
    broken.add_callback(StopAfter(2))
    broken.train()
    resumed = make_trainer(tmp_path / "broken", **SAVING)
    resumed.train(resume_from_checkpoint=newest_whole_checkpoint(str(tmp_path / "broken")))
    assert records(resumed) == records(whole)
    assert same(weights(resumed), weights(whole))
    by_rows = make_trainer(tmp_path / "rows", **{**SAVING, "micro_batch_tokens": None})
    by_rows.train()
    assert close(weights(by_rows), weights(whole), atol=1e-4)
    for ours, theirs in zip(records(whole), records(by_rows), strict=True):
        names = ours.keys() - {"loss"}  # by rows it is that of an update's mean step
        assert {n: ours[n] for n in names} == pytest.approx(
            {n: theirs[n] for n in names}, rel=1e-3, abs=1e-4
        )


def sequences(seed, count=60):
    drawn = random.Random(seed)
    found = []
    for i in range(count):
        if i % 8 == 0:
            prompt = [drawn.randrange(99) for _ in range(drawn.choice([2, 40, 90]))]
        trained = drawn.choice([0, 1, 5, 30, 60])
        ids = prompt + [1] * trained
        found.append(Sequence(ids, [0] * len(prompt) + [1] * trained, []))
    return found


@pytest.mark.parametrize("share", [True, False])
def test_every_row_is_in_one_pack_and_a_pass_has_the_positions_that_were_counted(share):
    for seed in range(5):
        rows = sequences(seed)
        found = packed(rows_from(rows, share), 700)
        for packs in (found, split(found, len(found) + 5)):
            assert sorted(row.place for pack in packs for row in pack) == [*range(60)]
            for pack in packs:
                batch = pad_chosen(rows, [r.place for r in pack], 1, 0, "cpu", share)
                sizes = [batch[n].numel() for n in ("input_ids", "prefix_ids") if n in batch]
                assert sum(sizes) == positions(pack) <= 700
        assert len(packs) == len(found) + 5
        assert sum(map(positions, packs)) <= sum(map(positions, found)) * (1.5 if share else 1)
    assert len(split(found, 60)) == 60
    alone = packed(rows_from(rows, share), 1)  # less than any row, which then stands alone
    assert [len(pack) for pack in alone] == [1] * 60


def test_rollouts_of_one_prompt_share_a_pass_where_that_saves_most():
    prompts = [[i] * 90 for i in range(6)]
    rows = [
        Sequence(prompt + [9] * n, [0] * 90 + [1] * n, [])
        for n in range(1, 9)
        for prompt in prompts
    ]
    packs = packed(rows_from(rows, share=True), 200)
    assert len(packs) == 6
    assert all(len({row.of for row in pack}) == 1 for pack in packs)
    assert len(packed(rows_from(rows, share=False), 200)) == 24


def test_budget_below_the_longest_row_is_refused_before_anything_is_sampled(tmp_path):
    with pytest.raises(ValueError, match="longest row"):
        make_trainer(tmp_path, micro_batch_tokens=25)
