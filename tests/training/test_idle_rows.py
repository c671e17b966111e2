"""Where no KL has a weight there is no reference, and rows without advantage have no backward pass."""

import pytest
import torch
from training_runs import CLIPPED_LOSS, first_update, make_trainer, records

WITHOUT_KL = {
    "grpo": {**CLIPPED_LOSS, "objective": "grpo", "num_turns": 1},
    "stage_two": {"objective": "stage_two", "init_kl_coef": 0.0, "corr_kl_coef": 0.0},
}


@pytest.mark.parametrize("told", WITHOUT_KL.values(), ids=WITHOUT_KL)
@pytest.mark.parametrize("shares", [True, False])
def test_gradient_is_that_of_all_rows_and_idle_ones_have_none(tmp_path, told, shares):
    trainer = make_trainer(tmp_path, **told)
    trainer._shares_prefixes = shares
    batch, found, graded = first_update(trainer)[0], [], []
    batch["advantages"] = (
        torch.linspace(-1, 1, 32)
        .view(-1, 1)[: len(batch["advantages"])]
        .repeat(1, batch["advantages"].size(1))
    )
    batch["advantages"][::3] = 0
    idle = trainer._idle_rows(batch)
    assert idle.tolist() == [i % 3 == 0 for i in range(16)]
    layer = trainer.model.model.layers[0]
    layer.register_forward_hook(
        lambda _, args, out: graded.append(args[0][..., 0].numel() * torch.is_grad_enabled())
    )
    for of in (trainer._idle_rows, lambda inputs: None):
        trainer._idle_rows = of
        trainer.model.zero_grad()
        trainer._compute_loss(trainer.model, batch).backward()
        found.append(torch.cat([p.grad.flatten() for p in trainer.model.parameters()]))
    assert (found[0] - found[1]).norm() < 1e-5 * found[1].norm()
    assert graded == [computed(batch, ~idle), 0, computed(batch, idle | True)]


def computed(batch, rows):
    """Positions of a pass over some rows; without padding, and prefixes once, where they are apart."""
    lengths = batch["attention_mask"][rows].sum(1)
    if "prefix_of" not in batch:
        return len(lengths) * lengths.max()
    return lengths.sum() + batch["prefix_mask"][batch["prefix_of"][rows].unique()].sum()


def test_update_whose_rows_are_all_idle_moves_nothing_and_asks_no_reference(tmp_path):
    trainer = make_trainer(
        tmp_path, **WITHOUT_KL["stage_two"], verifier=lambda a, g: [1.0] * len(a), max_steps=2
    )
    trainer.train()
    assert trainer.ref_model is None
    for record in records(trainer):
        assert (record["idle_rows"], record["grad_norm"]) == (1.0, 0.0)
        assert record["entropy_t2"] > 0 and "kl_t1" not in record
