"""The proof for turns that only some rollouts take: the enumerated expected gradient of the loss of
methods with verifier turns is the analytic one, and mistakes about such turns fail the comparison.

The policy is a table: attempt 1 is one of three tokens, the verifier turn one of three (correct, wrong,
unread), and after "wrong" alone comes a revision of two tokens of two: 3 × (2 + 4) = 18 rollouts.
"""

import itertools

import pytest
import torch
from score.training import loss
from score.training.advantages import divisor, rank_advantages
from score.training.methods import METHODS
from score.training.methods.method import Groups
from score.training.self_verified import standing
from score.training.settings import MethodSettings

VERIFYING = [name for name, method in METHODS.items() if method.verifies]
CORRECT, WRONG, UNREAD = range(3)
PAIRS = list(itertools.product(range(2), range(2)))
STANDS = None
ROLLOUTS = [
    (a, said, revision)
    for a, said in itertools.product(range(3), range(3))
    for revision in (range(4) if said == WRONG else [STANDS])
]
RIGHT_1 = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
RIGHT_2 = torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64)
# What a verifier turn earns, [attempt 1, what it says]: 1 where it says how attempt 1 is.
AGREES = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 1.0, 0]], dtype=torch.float64)
BETAS, ALPHA = (0.3, 0.15), 1.5


class Table:
    """Logits of attempt 1 (3,), verifier turn (3, 3), and the revision's tokens (3, 2), (3, 2, 2)."""

    def __init__(self, seed):
        generator = torch.Generator().manual_seed(seed)
        self.logits = [
            torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
            for shape in [(3,), (3, 3), (3, 2), (3, 2, 2)]
        ]

    def parts(self):
        """log π of attempts (3,), of verdicts (3, 3), of revisions (3, 4) by attempt 1."""
        one, said, first, second = (part.log_softmax(-1) for part in self.logits)
        pairs = [[first[a, c] + second[a, c, d] for c, d in PAIRS] for a in range(3)]
        return one, said, torch.stack([torch.stack(row) for row in pairs])

    def rows(self):
        """Log-probabilities (18, 6): attempt, instruction, verdict, instruction, two of a revision.

        7.0 and more stand where no turn wrote a token, the place of a revision not taken included.
        """
        one, said, first, second = (part.log_softmax(-1) for part in self.logits)
        seven, rows = one.new_tensor(7.0), []
        for a, verdict, revision in ROLLOUTS:
            written = [seven + 1, seven + 2]
            if revision is not STANDS:
                c, d = PAIRS[revision]
                written = [first[a, c], second[a, c, d]]
            rows.append(torch.stack([one[a], seven, said[a, verdict], seven, *written]))
        return torch.stack(rows)

    def gradient_of(self, value):
        gradients = torch.autograd.grad(value, self.logits, materialize_grads=True)
        return torch.cat([gradient.flatten() for gradient in gradients])


POLICY, REFERENCE = Table(0), Table(1)
TURN = torch.tensor([[1, 0, 2, 0, *([0, 0] if r is STANDS else [3, 3])] for *_, r in ROLLOUTS])
SCORES = torch.stack(
    [
        torch.stack(
            [RIGHT_1[a], AGREES[a, v], RIGHT_2[0] * torch.nan if r is STANDS else RIGHT_2[r]]
        )
        for a, v, r in ROLLOUTS
    ]
)

# Attempts state which they are, verifier turns what they say, and an attempt stands where none follows.
STATED = [
    [f"first {a}", f"said {v}", f"first {a}" if r is STANDS else f"second {r}"]
    for a, v, r in ROLLOUTS
]


def chances():
    """The probability (18,) of each rollout, without gradient."""
    one, said, revised = (part.detach().exp() for part in POLICY.parts())
    return torch.stack(
        [one[a] * said[a, v] * (1.0 if r is STANDS else revised[a, r]) for a, v, r in ROLLOUTS]
    )


def pag(kl):
    """The objective of PAG, written out: each turn with what comes before it given."""
    (one, said, revised), (ref_one, ref_said, ref_revised) = POLICY.parts(), REFERENCE.parts()
    first, later = BETAS if kl else (0.0, 0.0)
    given = one.detach().exp()
    total = (one.exp() * (RIGHT_1 - first * (one - ref_one.detach()))).sum()
    for a in range(3):
        cost = later * (said[a] - ref_said[a].detach())
        total = total + given[a] * (said[a].exp() * (AGREES[a] - cost)).sum()
        pay = RIGHT_2 + ALPHA * (RIGHT_2 - RIGHT_1[a])
        cost = later * (revised[a] - ref_revised[a].detach())
        asked = given[a] * said[a, WRONG].detach().exp()
        total = total + asked * (revised[a].exp() * (pay - cost)).sum()
    return total


def self_rewarding_rl(kl):
    """The final attempt's score over all turns, none of them given, less the KL of each by itself."""
    (one, said, revised), (ref_one, ref_said, ref_revised) = POLICY.parts(), REFERENCE.parts()
    first, later = BETAS if kl else (0.0, 0.0)
    total = -(one.exp() * first * (one - ref_one.detach())).sum()
    for a in range(3):
        for verdict in range(3):
            stands = RIGHT_1[a] if verdict != WRONG else (revised[a].exp() * RIGHT_2).sum()
            total = total + (one[a] + said[a, verdict]).exp() * stands
        given = one[a].detach().exp()
        total = total - given * later * (said[a].exp() * (said[a] - ref_said[a].detach())).sum()
        given = given * said[a, WRONG].detach().exp()
        cost = (revised[a].exp() * (revised[a] - ref_revised[a].detach())).sum()
        total = total - given * later * cost
    return total


ANALYTIC = {"pag": pag, "self_rewarding_rl": self_rewarding_rl}  # a method without one fails


def group_loss(logps, ref_logps, group, name, kl, *, advantages=None, scale=False, only=None):
    """The loss of one group, from the project's own pieces. only: the turns that count, by hand."""
    method, turn = METHODS[name], TURN[group]
    weights = method.kl_weights(3, *BETAS) if kl else [0.0] * 3
    stated = [STATED[i] for i in group]
    rewards = method.earned(SCORES[group], MethodSettings(stage2_alpha=ALPHA), stated)
    if kl == "k1":
        log_ratios = loss.per_turn_sum(logps - ref_logps, turn, 3)
        rewards = loss.charge_kl(rewards, log_ratios, weights)
    of, groups = advantages or method.advantages, Groups(len(group))
    found, sigma = rank_advantages(
        rewards, list(range(len(group))), groups, 0, of=of, roles=method.roles
    )
    if only is not None:
        found = torch.stack([found[:, t] * (t in only) for t in range(3)], dim=1)
        weights = [beta * (t in only) for t, beta in enumerate(weights)]
    total = loss.policy_loss(
        logps,
        turn,
        found,
        ref_logps=ref_logps if kl == "k2" else None,
        kl_weights=weights if kl == "k2" else None,
        divisor=divisor(sigma, scale),
    )
    return total, rewards, found


def difference(name, kl, k=2, advantages=None):
    """Largest deviation of the enumerated expected gradient from the analytic one."""
    rows, ref_rows, chance = POLICY.rows(), REFERENCE.rows().detach(), chances()
    table, expected = rows.detach().requires_grad_(), torch.zeros_like(rows)
    # The order of a group's rollouts changes nothing: each is enumerated once, for all its orders.
    for group in map(list, itertools.combinations_with_replacement(range(18), k)):
        orders = len(set(itertools.permutations(group)))
        parts = table[group], ref_rows[group], group, name, kl
        found, *_ = group_loss(*parts, advantages=advantages)
        expected += orders * chance[group].prod() * torch.autograd.grad(found, table)[0]
    analytic = POLICY.gradient_of(ANALYTIC[name](kl))
    return (POLICY.gradient_of(-(expected * rows).sum()) - analytic).abs().max().item()


@pytest.mark.parametrize("name", VERIFYING)
@pytest.mark.parametrize("kl", [None, "k1", "k2"])
def test_expected_gradient_is_the_analytic_one(name, kl):
    assert abs(chances().sum().item() - 1) < 1e-12
    assert difference(name, kl) < 1e-10


@pytest.mark.parametrize("name", VERIFYING)
def test_a_baseline_of_two_or_one_or_no_other_that_takes_the_turn_gives_the_same_gradient(name):
    assert difference(name, None, k=3) < 1e-10


def test_mutant_that_pays_a_lone_revision_nothing_fails():
    """As its baseline were its own reward: a revision counts then only where another has one too."""

    def lone_for_nothing(rewards, groups):
        found = METHODS["pag"].advantages(rewards, groups)
        lone = (~rewards.isnan()).sum(0) == 1
        return found.masked_fill(lone, 0)

    assert difference("pag", None, advantages=lone_for_nothing) > 1e-2


def test_mutant_that_credits_the_revision_to_the_verifier_turn_fails():
    """A verifier that gets the revision's pay learns to ask for one."""

    def summed(rewards, groups):
        moved = rewards.clone()
        moved[:, 1] = rewards[:, 1] + rewards[:, 2].nan_to_num()
        return METHODS["pag"].advantages(moved, groups)

    assert difference("pag", None, advantages=summed) > 1e-2


def test_mutant_that_pays_a_verifier_turn_for_its_verdict_alone_fails():
    """Self-rewarding correction pays a verdict by what comes of it, not for being the real one."""
    paid = METHODS["self_rewarding_rl"].advantages

    def by_verdict(rewards, groups):
        moved = rewards.clone()
        moved[:, 1] = (rewards[:, 1] > 0).to(rewards) * rewards[:, 2].isnan()
        return paid(moved, groups)

    assert difference("self_rewarding_rl", None, advantages=by_verdict) > 1e-2


@pytest.mark.parametrize("kl", [None, "k1", "k2"])
def test_each_role_is_divided_by_its_own_deviation_and_so_is_its_kl(kl):
    rows, ref_rows = POLICY.rows().detach().requires_grad_(), REFERENCE.rows().detach()
    different = 0
    for group in itertools.product(range(0, 18, 2), range(18)):
        group = list(group)
        parts = rows[group], ref_rows[group], group, "pag", kl
        scaled, rewards, found = group_loss(*parts, scale=True)
        taken, by_hand, sigmas = ~rewards.isnan(), 0.0, []
        for turns in ([0, 2], [1]):
            own = found[:, turns][taken[:, turns]]
            sigmas.append(max(own.std().item(), 0.1))
            by_hand = by_hand + group_loss(*parts, only=turns)[0] / sigmas[-1]
        assert torch.autograd.grad(scaled - by_hand, rows)[0].abs().max() < 1e-10
        different += abs(sigmas[0] - sigmas[1]) > 1e-6
    assert different > 10


def test_one_deviation_of_all_turns_that_are_taken_divides_a_method_of_one_role():
    group = [0, 2, 9, 9]
    rewards = METHODS["self_rewarding_rl"].earned(
        SCORES[group], MethodSettings(), [STATED[i] for i in group]
    )
    of = METHODS["self_rewarding_rl"].advantages
    found, sigma = rank_advantages(rewards, [0, 1, 2, 3], Groups(4), 0, of=of)
    assert rewards.isnan().any() and sigma == pytest.approx(found[~rewards.isnan()].std().item())


def test_tokens_of_a_revision_that_was_not_made_have_no_gradient():
    table = POLICY.rows().detach().requires_grad_()
    group = list(range(18))
    total, *_ = group_loss(table, REFERENCE.rows().detach(), group, "pag", "k2", scale=True)
    total.backward()
    assert (table.grad[TURN == 0] == 0).all() and (table.grad[TURN > 0] != 0).any()
    assert table.grad.isfinite().all()


def test_advantages_by_hand():
    """Of four rollouts two revise: a revision is compared with the other one, 0 where there is none."""
    nan = torch.nan
    scores = torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, nan], [1, 1, nan]])
    rewards = METHODS["pag"].rewards(scores, MethodSettings(stage2_alpha=1.0))
    assert torch.equal(rewards[:2, 2], torch.tensor([-1.0, 2.0])) and rewards[2:, 2].isnan().all()
    found = METHODS["pag"].advantages(rewards, Groups(4))
    third = torch.tensor([2.0, -2.0, -2.0, 2.0]) / 3
    assert torch.allclose(found[:, 0], third)
    assert torch.allclose(found[:, 1], torch.tensor([-2.0, 2.0, -2.0, 2.0]) / 3)
    assert torch.equal(found[:, 2], torch.tensor([-3.0, 3.0, 0.0, 0.0]))
    lone = METHODS["pag"].advantages(rewards[[0, 2, 3, 3]], Groups(4))
    assert torch.equal(lone[:, 2], torch.tensor([-1.0, 0.0, 0.0, 0.0]))
    assert torch.equal(standing(scores)[:, 2], torch.tensor([0.0, 1.0, 0.0, 1.0]))
