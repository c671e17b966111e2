"""Three attempts, the first two judged by the policy: the enumerated gradient is the analytic one.

The policy is a table. Every turn is one token of two: attempts 0 or 1, verifier turns correct or wrong,
and an attempt follows on "wrong" alone, so there are 2 (1 + 2 (1 + 2)) = 14 rollouts of up to 5 turns.
"""

import itertools

import pytest
import torch
from score.training import loss
from score.training.methods import METHODS
from score.training.methods.method import Groups
from score.training.settings import MethodSettings

VERIFYING = [name for name, method in METHODS.items() if method.verifies]
CORRECT, WRONG = range(2)
INIT, CORR, ALPHA = 0.7, 0.2, 1.5
RIGHT = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]  # attempt, token


def continued(turns):
    """All rollouts that begin with these turns."""
    if len(turns) == 5 or (len(turns) in (2, 4) and turns[-1] == CORRECT):
        return [turns]
    return [whole for token in range(2) for whole in continued((*turns, token))]


ROLLOUTS = continued(())
TAKEN = torch.tensor([[t < len(r) for t in range(5)] for r in ROLLOUTS])
TURN = torch.tensor([[t + 1 if t < len(r) else 0 for t in range(5)] for r in ROLLOUTS])


def score(rollout, turn):
    """Of an attempt whether it is right, of a verifier turn whether it says so."""
    if not turn % 2:
        return RIGHT[turn // 2][rollout[turn]]
    right = RIGHT[turn // 2][rollout[turn - 1]] == 1
    return float(right == (rollout[turn] == CORRECT))


SCORES = torch.tensor(
    [[score(r, t) if t < len(r) else torch.nan for t in range(5)] for r in ROLLOUTS]
).double()
# As the project has them: what stands is stated again.
STATED = [[str(r[min(t, len(r) - 1)]) for t in range(5)] for r in ROLLOUTS]


def table(seed):
    """Logits (2,) by what came before."""
    generator = torch.Generator().manual_seed(seed)
    histories = sorted({r[:t] for r in ROLLOUTS for t in range(len(r))})
    return {h: torch.randn(2, generator=generator, dtype=torch.float64) for h in histories}


POLICY = {history: logits.requires_grad_() for history, logits in table(0).items()}
REFERENCE = table(1)


def turn_logps(policy):
    """log π of each rollout's turns given what came before, (14, 5); 0 where none is taken."""
    rows = [
        [policy[r[:t]].log_softmax(-1)[r[t]] if t < len(r) else torch.zeros(()) for t in range(5)]
        for r in ROLLOUTS
    ]
    return torch.stack([torch.stack([value.double() for value in row]) for row in rows])


def pag(scores):
    """Each turn its own, attempts after the first a bonus too."""
    paid = scores.clone()
    for t in (2, 4):
        paid[:, t] = scores[:, t] + ALPHA * (scores[:, t] - scores[:, t - 2])
    return paid


def final(scores):
    return torch.tensor([row[: len(r)][::2][-1] for row, r in zip(scores, ROLLOUTS, strict=True)])


def analytic_gradient(name):
    logps, ref = turn_logps(POLICY), turn_logps(REFERENCE)
    chance, total = logps.detach().sum(1).exp(), 0.0
    assert abs(chance.sum().item() - 1) < 1e-12
    for t in range(5):
        on = TAKEN[:, t]
        own = (chance * (logps[:, t] - logps[:, t].detach()).exp())[on]
        if name == "pag":
            total = total + (own * pag(SCORES)[on, t]).sum()
        beta = CORR if t else INIT
        total = total - beta * (own * (logps - ref)[on, t]).sum()
    if name == "self_rewarding_rl":
        total = total + (logps.sum(1).exp() * final(SCORES)).sum()
    return torch.cat(torch.autograd.grad(total, [*POLICY.values()]))


def expected_gradient(name, kl):
    """Of the project's loss over all draws of two rollouts; their order changes nothing."""
    method, settings = METHODS[name], MethodSettings(stage2_alpha=ALPHA)
    logps, ref = turn_logps(POLICY), turn_logps(REFERENCE)
    tokens, gradient = logps.detach().requires_grad_(), torch.zeros_like(logps)
    weights, chance = method.kl_weights(5, INIT, CORR), logps.detach().sum(1).exp()
    earned = method.earned(SCORES, settings, STATED)
    if kl == "k1":
        earned = loss.charge_kl(earned, logps - ref, weights)
    for pair in itertools.combinations_with_replacement(range(14), 2):
        group = list(pair)
        found = loss.policy_loss(
            tokens[group],
            TURN[group],
            method.advantages(earned[group], Groups(2)),
            ref_logps=ref[group] if kl == "k2" else None,
            kl_weights=weights if kl == "k2" else None,
        )
        times = chance[group].prod() * len({pair, pair[::-1]})
        gradient = gradient - times * torch.autograd.grad(found, tokens)[0]
    parts = torch.autograd.grad((gradient * logps).sum(), [*POLICY.values()])
    return torch.cat(parts)


@pytest.mark.parametrize("name", VERIFYING)
@pytest.mark.parametrize("kl", ["k1", "k2"])
def test_expected_gradient_of_three_attempts_is_that_of_the_equations(name, kl):
    assert name in ("pag", "self_rewarding_rl"), "write out what a new method's turns earn"
    assert (expected_gradient(name, kl) - analytic_gradient(name)).abs().max() < 1e-10
