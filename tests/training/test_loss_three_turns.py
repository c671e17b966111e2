"""Three turns: the enumerated expected gradient of every method's loss is the analytic one.

The policy is a table. An attempt is one token of a vocabulary of two, so there are 8 rollouts. What
each turn is paid and how its KL is weighed is written out here, turn by turn.
"""

import itertools

import pytest
import torch
from score.training import loss
from score.training.methods import METHODS
from score.training.methods.method import Groups
from score.training.settings import MethodSettings

INIT, CORR, ALPHA = 0.7, 0.2, 10.0
ROLLOUTS = list(itertools.product(range(2), repeat=3))
SCORES = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.25, 1.0]], dtype=torch.float64)  # turn, token
TURN = torch.tensor([[1, 0, 2, 0, 3]])
METHODS_OF_TURNS = [
    name for name, m in METHODS.items() if not (m.one_turn or m.alternates or m.verifies)
]


def shaped(score, before):
    return score + ALPHA * (score - before)


# Of every method: what turns 1, 2 and 3 earn for scores r and stated answers y, and β of the turns.
PAY = {
    "stage_one": (lambda r, y: (0 * r[0], 0 * r[1], r[2]), (INIT, INIT, CORR)),
    "stage_two": (lambda r, y: (r[0], shaped(r[1], r[0]), shaped(r[2], r[1])), (INIT, CORR, CORR)),
    "direct_multi_turn": (lambda r, y: (0 * r[0], 0 * r[1], r[2]), (0, 0, CORR)),
    "summed_return": (lambda r, y: (r[2], r[2], r[2]), (INIT, CORR, CORR)),
}


def table(seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(2,), (2, 2), (2, 2, 2)]
    return [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]


POLICY = [logits.requires_grad_() for logits in table(0)]
REFERENCE = table(1)


def turn_logps(logits):
    """log π of each of the 8 rollouts' attempts given what came before, (8, 3)."""
    one, two, three = (part.log_softmax(-1) for part in logits)
    return torch.stack([torch.stack([one[a], two[a, b], three[a, b, c]]) for a, b, c in ROLLOUTS])


def scores():
    return torch.stack([SCORES[range(3), list(rollout)] for rollout in ROLLOUTS])


def analytic_gradient(name):
    """Of Σ_t E[reward_t − β_t KL_t], each turn with its history given; γ = 1 where all earn r3."""
    pay, betas = PAY[name]
    logps, ref = turn_logps(POLICY), turn_logps(REFERENCE)
    chance, paid = (
        logps.detach().sum(1).exp(),
        torch.stack(pay(scores().T, torch.tensor(ROLLOUTS).T)),
    )
    total = 0.0
    for t in range(3):
        # Over all rollouts: the gradient of a turn's own probability, the rest of the chance given.
        own = chance * (logps[:, t] - logps[:, t].detach()).exp()
        if name != "summed_return":
            total = total + (own * paid[t]).sum()
        # KL of the turn's own distribution: what follows sums to one, what came before is given.
        total = total - betas[t] * (own * (logps - ref)[:, t]).sum()
    if name == "summed_return":
        total = total + (logps.sum(1).exp() * paid[2]).sum()
    return torch.cat([g.flatten() for g in torch.autograd.grad(total, POLICY)])


def expected_gradient(name, kl, k, c):
    """Of the project's loss, over all draws of `k` rollouts of which `c` in a row share attempt 1."""
    method = METHODS[name]
    logps, ref = turn_logps(POLICY), turn_logps(REFERENCE)
    rows = torch.full((8, 5), 7.0, dtype=torch.float64)
    rows[:, ::2] = logps.detach()
    tokens, ref_rows, gradient = rows.requires_grad_(), rows.detach().clone(), 0.0
    ref_rows[:, ::2] = ref
    weights = method.kl_weights(3, INIT, CORR)
    stated = [[*map(str, rollout)] for rollout in ROLLOUTS]
    earned = method.earned(scores(), MethodSettings(stage2_alpha=ALPHA), stated)
    if kl == "k1":
        earned = loss.charge_kl(earned, logps - ref, weights)
    one, later = logps.detach()[:, 0].exp(), logps.detach()[:, 1:].sum(1).exp()
    for firsts in itertools.product(range(2), repeat=k // c):
        for rest in itertools.product(range(4), repeat=k):
            group = [4 * firsts[i // c] + r for i, r in enumerate(rest)]
            found = loss.policy_loss(
                tokens[group],
                TURN.expand(k, -1),
                method.advantages(earned[group], Groups(k, c)),
                ref_logps=ref_rows[group] if kl == "k2" else None,
                kl_weights=weights if kl == "k2" else None,
            )
            chance = one[group[::c]].prod() * later[group].prod()
            gradient = gradient - chance * torch.autograd.grad(found, tokens)[0]
    parts = torch.autograd.grad((gradient[:, ::2] * logps).sum(), POLICY)
    return torch.cat([part.flatten() for part in parts])


@pytest.mark.parametrize("name", METHODS_OF_TURNS)
@pytest.mark.parametrize("kl", ["k1", "k2"])
def test_expected_gradient_of_three_turns_is_that_of_the_equations(name, kl):
    found = expected_gradient(name, kl, k=2, c=1)
    assert (found - analytic_gradient(name)).abs().max() < 1e-10


@pytest.mark.parametrize("name", METHODS_OF_TURNS)
def test_it_is_the_same_where_corrections_share_their_first_attempt(name):
    k = 4 if METHODS[name].pays_first else 2
    found = expected_gradient(name, "k1", k=k, c=2)
    assert (found - analytic_gradient(name)).abs().max() < 1e-10
