"""The proof: on a policy small enough to enumerate, the expected gradient of the project's own loss
equals the analytic gradient of Eq 3 and Eq 4, and those of the baselines that of theirs. Two popular
mistakes fail the same comparison.

The policy is a table. An attempt is two tokens of a vocabulary of two, so there are 4 first attempts
and, after each, 4 second ones: 16 rollouts. Between the attempts stands one instruction token.
"""

import itertools

import pytest
import torch
from score.training import loss
from score.training.advantages import deviation, divisor
from score.training.methods import METHODS
from score.training.methods.method import Groups
from score.training.settings import MethodSettings

TOKENS = list(itertools.product(range(2), range(2)))
ROLLOUTS = [(a, b) for a in range(4) for b in range(4)]
TURN = torch.tensor([[1, 1, 0, 2, 2]])
SCORE_T1 = torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=torch.float64)
SCORE_T2 = torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64)
BETAS = {
    "stage_one": (0.7, 0.2),
    "stage_two": (0.3, 0.15),
    "single_turn": (0.3, 99.0),  # the second is nobody's
    "direct_multi_turn": (99.0, 0.15),  # turn 1 is not trained
    "summed_return": (0.3, 0.15),
}
ALPHA = 10.0


class Table:
    """Logits of a two-turn autoregressive policy: of each token given all before it.

    seen: how many first attempts turn 2 tells apart. With 2 it sees the last token alone, as if the
    token before were reasoning that the history leaves out.
    """

    def __init__(self, seed, seen=4):
        generator, self.seen = torch.Generator().manual_seed(seed), seen
        shapes = [(2,), (2, 2), (seen, 2), (seen, 2, 2)]
        self.logits = [
            torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_()
            for s in shapes
        ]

    def token_logps(self, rollout):
        """Log-probabilities (5,) of a rollout's tokens; 7.0 stands at the instruction token."""
        first, second = rollout
        (a, b), (c, d) = TOKENS[first], TOKENS[second]
        one, two, three, four = (table.log_softmax(-1) for table in self.logits)
        given = first % self.seen
        written = [one[a], two[a, b], four.new_tensor(7.0), three[given, c], four[given, c, d]]
        return torch.stack(written)

    def rows(self):
        """Log-probabilities (16, 5) of all rollouts."""
        return torch.stack([self.token_logps(rollout) for rollout in ROLLOUTS])

    def attempt_logps(self):
        """log π(y1), (4,), and log π(y2 | y1), (4, 4)."""
        rows = self.rows().view(4, 4, 5)
        return rows[:, 0, :2].sum(-1), rows[:, :, 3:].sum(-1)

    def gradient_of(self, value):
        gradients = torch.autograd.grad(value, self.logits, materialize_grads=True)
        return torch.cat([gradient.flatten() for gradient in gradients])


POLICY, REFERENCE, OLD = Table(0), Table(1), Table(2)
STRIPPED = Table(0, seen=2), Table(1, seen=2), Table(2, seen=2)


def analytic_objective(stage, kl, sampler=POLICY, policy=POLICY, reference=REFERENCE):
    """Eq 2, 3 or 4 written out, turn by turn; attempt 1 is given to turn 2 (γ = 0).

    direct_multi_turn: Eq 1 on turn 2 alone, E[r2 − β1 KL] with attempt 1 given. summed_return: E[r2]
    over both attempts of the policy, neither given, less the KL of Eq 4.
    """
    logp1, logp2 = policy.attempt_logps()
    ref1, ref2 = (logps.detach() for logps in reference.attempt_logps())
    given = sampler.attempt_logps()[0].detach().exp()
    p1, p2 = logp1.exp(), logp2.exp()
    r1, r2 = SCORE_T1[:, None], SCORE_T2[None, :]
    beta1, beta2 = BETAS[stage] if kl else (0.0, 0.0)
    kl1 = beta1 * (p1 * (logp1 - ref1)).sum()
    kl2 = beta2 * (p2 * (logp2 - ref2)).sum(1)
    if stage == "summed_return":
        return (p1[:, None] * p2 * r2).sum() - kl1 - (given * kl2).sum()
    pay1 = torch.zeros(4, dtype=torch.float64) if stage == "stage_one" else SCORE_T1
    turn1 = 0 if stage == "direct_multi_turn" else (p1 * pay1).sum() - kl1
    if stage == "single_turn":
        return turn1
    pay2 = (r2 + ALPHA * (r2 - r1) if stage == "stage_two" else r2).expand(4, 4)
    return turn1 + (given * ((p2 * pay2).sum(1) - kl2)).sum()


def project_loss(logps, ref_logps, old_logps, scores, stage, *, kl, baseline, change, scale=False):
    """The loss of one group of rollouts of a problem, from the project's own pieces."""
    turns, tokens = (1, 2) if stage == "single_turn" else (2, 5)  # it ends with attempt 1
    logps, ref_logps, scores = logps[:, :tokens], ref_logps[:, :tokens], scores[:, :turns]
    old_logps = None if old_logps is None else old_logps[:, :tokens]
    turn = TURN[:, :tokens].expand(len(logps), -1)
    log_ratios = loss.per_turn_sum(logps - ref_logps, turn, turns).detach()
    weights = METHODS[stage].kl_weights(turns, *BETAS[stage])
    rewards = METHODS[stage].rewards(scores, MethodSettings(stage2_alpha=ALPHA))
    parts = change(rewards=rewards, log_ratios=log_ratios, weights=weights)
    rewards = parts["rewards"]
    if kl == "k1":
        rewards = loss.charge_kl(rewards, parts["log_ratios"], weights)
    advantages = METHODS[stage].advantages(rewards, Groups(len(logps))) if baseline else rewards
    return loss.policy_loss(
        logps,
        turn,
        advantages,
        ref_logps=ref_logps if kl == "k2" else None,
        kl_weights=weights if kl == "k2" else None,
        old_logps=old_logps,
        ratio_level="turn",
        divisor=divisor(deviation(advantages), scale),
    )


def stripped_loss(logps, ref_logps, old_logps, scores, stage, *, kl, batches):
    """`project_loss` where a rollout is two sequences: [attempt 1] and [what turn 2 saw][attempt 2].

    batches: the sequences of each micro-batch, by number; the loss is the mean of theirs.
    """

    def in_sequences(values):
        if values is None:
            return None
        first = torch.nn.functional.pad(values[:, :2], (0, 1), value=5.0)
        return torch.stack([first, values[:, 2:]], dim=1).flatten(0, 1)

    logps, ref_logps, old_logps = map(in_sequences, (logps, ref_logps, old_logps))
    turn = torch.tensor([[1, 1, 0], [0, 2, 2]]).repeat(len(scores), 1)
    of = torch.arange(len(turn)) // 2
    weights = METHODS[stage].kl_weights(2, *BETAS[stage])
    rewards = METHODS[stage].rewards(scores, MethodSettings(stage2_alpha=ALPHA))
    if kl == "k1":
        ratios = loss.per_turn_sum(logps - ref_logps, turn, 2).detach()
        rewards = loss.charge_kl(
            rewards, torch.zeros_like(rewards).index_add(0, of, ratios), weights
        )
    advantages = METHODS[stage].advantages(rewards, Groups(len(scores)))
    losses = [
        loss.policy_loss(
            logps[rows],
            turn[rows],
            advantages[of[rows]],
            ref_logps=ref_logps[rows] if kl == "k2" else None,
            kl_weights=weights if kl == "k2" else None,
            old_logps=None if old_logps is None else old_logps[rows],
            ratio_level="turn",
            sequences=2,
        )
        for rows in batches
    ]
    return sum(losses) / len(losses)


def difference(
    stage, *, kl, baseline=True, k=2, old=None, change=lambda **parts: parts, tables=None, **rows
):
    """Largest deviation of the enumerated expected gradient from the analytic one.

    tables: policy and reference. rows: batches, where a rollout is several sequences.
    """
    policy, reference = tables or (POLICY, REFERENCE)
    sampler = old or policy
    logp1, logp2 = (logps.detach() for logps in sampler.attempt_logps())
    probability = (logp1[:, None] + logp2).exp().flatten()
    logps, ref_logps = policy.rows(), reference.rows().detach()
    scores = torch.stack([torch.stack([SCORE_T1[a], SCORE_T2[b]]) for a, b in ROLLOUTS])
    losses, chances = [], []
    for group in map(list, itertools.product(range(16), repeat=k)):
        old_logps = old and old.rows().detach()[group]
        parts = logps[group], ref_logps[group], old_logps, scores[group]
        if rows:
            losses.append(stripped_loss(*parts, stage, kl=kl, **rows))
        else:
            losses.append(project_loss(*parts, stage, kl=kl, baseline=baseline, change=change))
        chances.append(probability[group].prod())
    expected = (torch.stack(losses) * torch.stack(chances)).sum()
    analytic = policy.gradient_of(analytic_objective(stage, kl, sampler, policy, reference))
    return (policy.gradient_of(-expected) - analytic).abs().max().item()


@pytest.mark.parametrize("stage", BETAS)
@pytest.mark.parametrize("kl", [None, "k1", "k2"])
@pytest.mark.parametrize("baseline", [False, True], ids=["no_baseline", "leave_one_out"])
def test_expected_gradient_is_that_of_the_equations(stage, kl, baseline):
    assert difference(stage, kl=kl, baseline=baseline) < 1e-10


@pytest.mark.parametrize("stage", BETAS)
@pytest.mark.parametrize("kl", [None, "k1", "k2"])
def test_scaled_expected_gradient_weighs_each_group_by_one_over_its_deviation(stage, kl):
    """Rewards and KL alike: what is divided is the gradient without scaling, of every group."""
    logps, ref_logps = POLICY.rows(), REFERENCE.rows().detach()
    scores = torch.stack([torch.stack([SCORE_T1[a], SCORE_T2[b]]) for a, b in ROLLOUTS])
    logp1, logp2 = (logps.detach() for logps in POLICY.attempt_logps())
    probability = (logp1[:, None] + logp2).exp().flatten()
    scaled, by_hand, deviations = 0.0, 0.0, set()
    for group in map(list, itertools.product(range(16), repeat=2)):
        parts = logps[group], ref_logps[group], None, scores[group]
        settings = {"kl": kl, "baseline": True}
        plain = project_loss(*parts, stage, change=dict, **settings)
        rewards = METHODS[stage].rewards(scores[group], MethodSettings(stage2_alpha=ALPHA))
        rewards = rewards[:, :1] if stage == "single_turn" else rewards
        if kl == "k1":
            turns = rewards.size(1)
            log_ratios = (logps[group] - ref_logps[group]).detach()
            costs = torch.stack([log_ratios[:, :2].sum(1), log_ratios[:, 3:].sum(1)], dim=1)
            weights = METHODS[stage].kl_weights(turns, *BETAS[stage])
            rewards = rewards - costs[:, :turns] * torch.tensor(weights, dtype=torch.float64)
        advantages = rewards - rewards.flip(0)  # of two rollouts, each is the other's baseline
        sigma = max(advantages.std().item(), 0.1)
        chance = probability[group].prod()
        by_hand = by_hand + chance * plain / sigma
        scaled = scaled + chance * project_loss(*parts, stage, change=dict, scale=True, **settings)
        deviations.add(sigma)
    assert len(deviations) > 1
    assert POLICY.gradient_of(scaled - by_hand).abs().max() < 1e-10


@pytest.mark.parametrize("stage", ["stage_one", "stage_two", "single_turn"])
@pytest.mark.parametrize("kl", [None, "k1", "k2"])
def test_importance_ratio_corrects_attempts_of_an_older_policy(stage, kl):
    assert difference(stage, kl=kl, old=OLD) < 1e-10


@pytest.mark.parametrize("stage", [stage for stage in BETAS if stage != "single_turn"])
@pytest.mark.parametrize("kl", [None, "k1", "k2"])
def test_gradient_of_attempts_that_see_no_reasoning_is_that_of_their_own_histories(stage, kl):
    """Whichever micro-batches the sequences of two rollouts are in."""
    batches = [[0, 2], [3, 1]] if kl else [[0, 1], [3, 2]]
    assert difference(stage, kl=kl, tables=STRIPPED[:2], batches=batches) < 1e-10


@pytest.mark.parametrize("kl", [None, "k1", "k2"])
def test_importance_ratio_holds_without_reasoning_in_the_history(kl):
    parts = {"old": STRIPPED[2], "tables": STRIPPED[:2], "batches": [[0, 2], [1, 3]]}
    assert difference("stage_two", kl=kl, **parts) < 1e-10


def test_three_rollouts_of_a_problem_give_the_same_gradient():
    assert difference("stage_two", kl="k1", k=3) < 1e-10


def kl_of_turn_1_on_turn_2(rewards, log_ratios, weights):
    moved = torch.stack([torch.zeros_like(log_ratios[:, 0]), log_ratios.sum(1)], dim=1)
    return {"rewards": rewards, "log_ratios": moved, "weights": weights}


def summed_return_for_both_turns(rewards, log_ratios, weights):
    return {
        "rewards": rewards.sum(1, keepdim=True).expand(-1, 2),
        "log_ratios": log_ratios,
        "weights": weights,
    }


def last_turn_alone_for_the_last_score(rewards, log_ratios, weights):
    last = torch.stack([torch.zeros_like(rewards[:, 1]), rewards[:, 1]], dim=1)
    return {"rewards": last, "log_ratios": log_ratios, "weights": weights}


def last_score_for_both_turns(rewards, log_ratios, weights):
    return {"rewards": rewards[:, 1:].expand(-1, 2), "log_ratios": log_ratios, "weights": weights}


def test_mutant_of_the_summed_return_that_gives_turn_1_no_credit_fails():
    assert difference("summed_return", kl="k1", change=last_turn_alone_for_the_last_score) > 1e-2


def test_mutant_of_direct_multi_turn_that_credits_turn_1_fails():
    assert difference("direct_multi_turn", kl="k1", change=last_score_for_both_turns) > 1e-2


@pytest.mark.parametrize("kl", [None, "k1", "k2"])
def test_direct_multi_turn_moves_no_token_of_turn_1(kl):
    """Neither reward nor KL: the tables of attempt 1 get no gradient in any group of rollouts."""
    logps, ref_logps = POLICY.rows(), REFERENCE.rows().detach()
    scores = torch.stack([torch.stack([SCORE_T1[a], SCORE_T2[b]]) for a, b in ROLLOUTS])
    total = project_loss(
        logps, ref_logps, None, scores, "direct_multi_turn", kl=kl, baseline=True, change=dict
    )
    first, second, *later = torch.autograd.grad(total, POLICY.logits)
    assert (first == 0).all() and (second == 0).all()
    assert any((table != 0).any() for table in later)


def test_mutant_with_the_kl_of_turn_1_on_turn_2_fails():
    assert difference("stage_one", kl="k1", change=kl_of_turn_1_on_turn_2) > 1e-2


@pytest.mark.parametrize("stage", ["stage_one", "stage_two"])
def test_mutant_with_the_summed_return_on_both_turns_fails(stage):
    assert difference(stage, kl="k1", change=summed_return_for_both_turns) > 1e-2


@pytest.mark.parametrize("kl", ["k1", "k2"])
def test_gradient_of_instruction_tokens_is_exactly_zero(kl):
    logps = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    turn = TURN.expand(4, -1)
    total = loss.policy_loss(
        logps,
        turn,
        torch.randn(4, 2, dtype=torch.float64),
        ref_logps=torch.randn(4, 5, dtype=torch.float64) if kl == "k2" else None,
        kl_weights=[0.5, 0.1],
    )
    total.backward()
    assert torch.equal(logps.grad[:, 2], torch.zeros(4, dtype=torch.float64))
    assert (logps.grad[:, [0, 1, 3, 4]] != 0).all()


def test_token_ratio_equals_no_ratio_where_the_policy_has_not_moved():
    logps = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    turn, advantages = TURN.expand(6, -1), torch.randn(6, 2, dtype=torch.float64)
    plain = torch.autograd.grad(loss.policy_loss(logps, turn, advantages), logps)[0]
    for level in ("token", "turn"):
        total = loss.policy_loss(
            logps, turn, advantages, old_logps=logps.detach(), ratio_level=level
        )
        assert torch.allclose(torch.autograd.grad(total, logps)[0], plain, atol=1e-14)


def token_weights(ratios, cap, kl):
    """Gradient with respect to each token's log-probability, and that without ratios."""
    torch.manual_seed(0)
    logps = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    turn, advantages = TURN.expand(6, -1), torch.randn(6, 2, dtype=torch.float64)
    given = {}
    if kl:
        given = {"ref_logps": torch.randn(6, 5, dtype=torch.float64), "kl_weights": [0.5, 0.1]}
    plain = torch.autograd.grad(loss.policy_loss(logps, turn, advantages, **given), logps)[0]
    total = loss.policy_loss(
        logps, turn, advantages, old_logps=logps.detach() - ratios.log(), ratio_cap=cap, **given
    )
    return torch.autograd.grad(total, logps)[0], plain


@pytest.mark.parametrize("kl", [False, True], ids=["no_kl", "k2"])
def test_token_ratios_weigh_each_token_up_to_the_cap(kl):
    ratios = torch.tensor([0.25, 1.0, 9.0, 1.9, 30.0], dtype=torch.float64).expand(6, -1)
    gradient, plain = token_weights(ratios, 2.0, kl)
    by_hand = plain * torch.tensor([0.25, 1.0, 0.0, 1.9, 2.0], dtype=torch.float64)
    assert torch.allclose(gradient, by_hand, atol=1e-14)
    uncapped, _ = token_weights(ratios, float("inf"), kl)
    assert torch.allclose(uncapped[:, 4], 30 * plain[:, 4], atol=1e-13)


def test_token_of_unknown_sampling_probability_counts_once_and_spoils_no_other():
    ratios = torch.tensor([1.5, float("nan"), float("nan"), 1.0, 1.0], dtype=torch.float64)
    gradient, plain = token_weights(ratios.expand(6, -1), 2.0, kl=True)
    by_hand = plain * torch.tensor([1.5, 1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    assert torch.allclose(gradient, by_hand, atol=1e-14)
