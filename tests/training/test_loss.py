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
STATED = [[str(a), str(b)] for a, b in ROLLOUTS]  # an attempt states which of the four it is
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


class Terms:
    """What analytic objectives are made of: of each attempt its probability, and KL of each turn.

    p1 (4,) and p2 (4, 4) are the policy's; given (4,), the chance that attempt 1 is turn 2's history,
    is the sampler's and without gradient. kl1 and kl2 (of each attempt 1) are weighted by β.
    """

    def __init__(self, name, kl, sampler, policy, reference):
        logp1, logp2 = policy.attempt_logps()
        ref1, ref2 = (logps.detach() for logps in reference.attempt_logps())
        self.given = sampler.attempt_logps()[0].detach().exp()
        self.p1, self.p2 = logp1.exp(), logp2.exp()
        self.r1, self.r2 = SCORE_T1[:, None], SCORE_T2[None, :]
        beta1, beta2 = BETAS[name] if kl else (0.0, 0.0)
        self.kl1 = beta1 * (self.p1 * (logp1 - ref1)).sum()
        self.kl2 = (self.given * beta2 * (self.p2 * (logp2 - ref2)).sum(1)).sum()

    def turn_2(self, pay):
        """E[pay], paid (4, 4) to attempt 2 with attempt 1 given (γ = 0)."""
        return (self.given * (self.p2 * pay).sum(1)).sum()


# Of every method what it maximises, written out from its equation. A method without one fails.
ANALYTIC = {
    "stage_one": lambda of: of.turn_2(of.r2) - of.kl1 - of.kl2,
    "stage_two": lambda of: (
        (of.p1 * SCORE_T1).sum() + of.turn_2(of.r2 + ALPHA * (of.r2 - of.r1)) - of.kl1 - of.kl2
    ),
    "single_turn": lambda of: (of.p1 * SCORE_T1).sum() - of.kl1,
    "direct_multi_turn": lambda of: of.turn_2(of.r2) - of.kl2,
    # E[r2] over both attempts of the policy, neither given, less the KL of Eq 4
    "summed_return": lambda of: (of.p1[:, None] * of.p2 * of.r2).sum() - of.kl1 - of.kl2,
    # Of two rollouts r − mean is half of r less the other's. GRPO divides it by the deviation of 1 and
    # 0, which is 1 / √2; both divide by the two tokens of an attempt. ThinkTwice's updates are added.
    "grpo": lambda of: (of.p1 * SCORE_T1).sum() / (2 * (0.5**0.5 + 1e-6)) / 2,
    "thinktwice": lambda of: ((of.p1 * SCORE_T1).sum() + of.turn_2(of.r2)) / 2 / 2,
}
# Those with turns that only some rollouts take are in test_loss_self_verified.py.
REINFORCED = [name for name, m in METHODS.items() if not (m.clipped or m.verifies)]
CLIPPED = [name for name, method in METHODS.items() if method.clipped]


def analytic_objective(name, kl, sampler=POLICY, policy=POLICY, reference=REFERENCE):
    return ANALYTIC[name](Terms(name, kl, sampler, policy, reference))


def earned(stage):
    """What each of the 16 rollouts is paid, (16, N)."""
    turns = 1 if METHODS[stage].one_turn else 2
    scores = torch.stack([torch.stack([SCORE_T1[a], SCORE_T2[b]]) for a, b in ROLLOUTS])[:, :turns]
    stated = [row[:turns] for row in STATED]
    return METHODS[stage].earned(scores, MethodSettings(stage2_alpha=ALPHA), stated)


def project_loss(
    logps, ref_logps, old_logps, rewards, stage, *, kl, baseline, change, scale=False, c=1
):
    """The loss of one group of rollouts of a problem, from the project's own pieces."""
    turns, tokens = (1, 2) if METHODS[stage].one_turn else (2, 5)  # it ends with attempt 1
    logps, ref_logps = logps[:, :tokens], ref_logps[:, :tokens]
    old_logps = None if old_logps is None else old_logps[:, :tokens]
    turn = TURN[:, :tokens].expand(len(logps), -1)
    log_ratios = loss.per_turn_sum(logps - ref_logps, turn, turns).detach()
    weights = METHODS[stage].kl_weights(turns, *BETAS[stage])
    parts = change(rewards=rewards, log_ratios=log_ratios, weights=weights)
    rewards = parts["rewards"]
    if kl == "k1":
        rewards = loss.charge_kl(rewards, parts["log_ratios"], weights)
    advantages = METHODS[stage].advantages(rewards, Groups(len(logps), c)) if baseline else rewards
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


def stripped_loss(logps, ref_logps, old_logps, rewards, stage, *, kl, batches):
    """`project_loss` where a rollout is two sequences: [attempt 1] and [what turn 2 saw][attempt 2].

    batches: the sequences of each micro-batch, by number; the loss is the mean of theirs.
    """

    def in_sequences(values):
        if values is None:
            return None
        first = torch.nn.functional.pad(values[:, :2], (0, 1), value=5.0)
        return torch.stack([first, values[:, 2:]], dim=1).flatten(0, 1)

    logps, ref_logps, old_logps = map(in_sequences, (logps, ref_logps, old_logps))
    turn = torch.tensor([[1, 1, 0], [0, 2, 2]]).repeat(len(rewards), 1)
    of = torch.arange(len(turn)) // 2
    weights = METHODS[stage].kl_weights(2, *BETAS[stage])
    if kl == "k1":
        ratios = loss.per_turn_sum(logps - ref_logps, turn, 2).detach()
        rewards = loss.charge_kl(
            rewards, torch.zeros_like(rewards).index_add(0, of, ratios), weights
        )
    advantages = METHODS[stage].advantages(rewards, Groups(len(rewards)))
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


def groups_of(k, c):
    """All draws of `k` rollouts of which `c` in a row share attempt 1, and which of 16 rows each has.

    (first attempts drawn, corrections drawn, rows): each a list as long as what it holds.
    """
    for firsts in itertools.product(range(4), repeat=k // c):
        for seconds in itertools.product(range(4), repeat=k):
            yield firsts, seconds, [4 * firsts[i // c] + b for i, b in enumerate(seconds)]


def difference(
    stage,
    *,
    kl,
    baseline=True,
    k=2,
    c=1,
    old=None,
    change=lambda **parts: parts,
    tables=None,
    **rows,
):
    """Largest deviation of the enumerated expected gradient from the analytic one.

    tables: policy and reference. rows: batches, where a rollout is several sequences.
    """
    policy, reference = tables or (POLICY, REFERENCE)
    sampler = old or policy
    p1, p2 = (logps.detach().exp() for logps in sampler.attempt_logps())
    logps, ref_logps, paid = policy.rows(), reference.rows().detach(), earned(stage)
    # Each group's gradient is taken by itself: one graph of thousands of groups would be slow.
    table, expected = logps.detach().requires_grad_(), torch.zeros_like(logps)
    for firsts, _, group in groups_of(k, c):
        old_logps = old and old.rows().detach()[group]
        parts = table[group], ref_logps[group], old_logps, paid[group]
        if rows:
            found = stripped_loss(*parts, stage, kl=kl, **rows)
        else:
            found = project_loss(*parts, stage, kl=kl, baseline=baseline, change=change, c=c)
        chance = p1[list(firsts)].prod() * p2.flatten()[group].prod()
        expected += chance * torch.autograd.grad(found, table)[0]
    analytic = policy.gradient_of(analytic_objective(stage, kl, sampler, policy, reference))
    return (policy.gradient_of(-(expected * logps).sum()) - analytic).abs().max().item()


@pytest.mark.parametrize("stage", REINFORCED)
@pytest.mark.parametrize("kl", [None, "k1", "k2"])
@pytest.mark.parametrize("baseline", [False, True], ids=["no_baseline", "leave_one_out"])
def test_expected_gradient_is_that_of_the_equations(stage, kl, baseline):
    assert difference(stage, kl=kl, baseline=baseline) < 1e-10


@pytest.mark.parametrize("stage", REINFORCED)
@pytest.mark.parametrize("kl", [None, "k1", "k2"])
def test_scaled_expected_gradient_weighs_each_group_by_one_over_its_deviation(stage, kl):
    """Rewards and KL alike: what is divided is the gradient without scaling, of every group."""
    logps, ref_logps, paid = POLICY.rows(), REFERENCE.rows().detach(), earned(stage)
    logp1, logp2 = (logps.detach() for logps in POLICY.attempt_logps())
    probability = (logp1[:, None] + logp2).exp().flatten()
    scaled, by_hand, deviations = 0.0, 0.0, set()
    for group in map(list, itertools.product(range(16), repeat=2)):
        parts = logps[group], ref_logps[group], None, paid[group]
        settings = {"kl": kl, "baseline": True}
        plain = project_loss(*parts, stage, change=dict, **settings)
        rewards = paid[group]
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


@pytest.mark.parametrize(
    ("stage", "kl", "k"),
    [
        *itertools.product(["stage_one", "direct_multi_turn"], [None, "k1", "k2"], [2]),
        *itertools.product(["stage_two", "summed_return"], ["k1"], [4]),
    ],
)
def test_corrections_of_a_shared_first_attempt_give_the_same_gradient(stage, kl, k):
    """Two corrections each of one first attempt, or of two where a first attempt is paid."""
    assert difference(stage, kl=kl, k=k, c=2) < 1e-10


def clipped(name, table, scores, turn, stated):
    """The loss of rollouts of one group with these log-probabilities of tokens."""
    method = METHODS[name]
    rewards = method.earned(scores, MethodSettings(), stated)
    advantages = method.advantages(rewards, Groups(len(scores)))
    return loss.clipped_loss(table, turn, advantages, table.detach(), (0.2, 0.28), divisor=2)


@pytest.mark.parametrize("name", CLIPPED)
def test_expected_gradient_of_a_clipped_method_is_that_of_its_equation(name):
    """At the policy that was sampled from; with first attempts, and where they alternate with
    corrections of one, both."""
    logp1, logp2 = (logps.detach() for logps in POLICY.attempt_logps())
    logps, expected = POLICY.rows(), 0.0
    for a, b in itertools.product(range(4), repeat=2):
        rows, scores = logps[[4 * a, 4 * b], :2], SCORE_T1[[a, b], None]
        chance = (logp1[a] + logp1[b]).exp()
        told = TURN[:, :2].expand(2, -1), [[str(a)], [str(b)]]
        expected = expected + chance * clipped(name, rows, scores, *told)
    for given, a, b in itertools.product(range(4), repeat=3) if METHODS[name].alternates else ():
        rows = logps[[4 * given + a, 4 * given + b]]
        scores = torch.stack([SCORE_T1[[given, given]], SCORE_T2[[a, b]]], dim=1)
        turn = TURN.expand(2, -1).masked_fill(TURN == 1, 0)  # the first attempt is context
        chance = (logp1[given] + logp2[given, a] + logp2[given, b]).exp()
        stated = [STATED[4 * given + second] for second in (a, b)]
        expected = expected + chance * clipped(name, rows, scores, turn, stated)
    analytic = POLICY.gradient_of(analytic_objective(name, kl=False))
    assert (POLICY.gradient_of(-expected) - analytic).abs().max() < 1e-10


def test_clipped_tokens_have_no_gradient_and_others_their_ratio():
    """By hand, with low 0.2 and high 0.28: a token counts by its ratio while its advantage still
    pulls it back into the bounds, or until it leaves them."""
    ratios = torch.tensor([[1.27, 1.29, 9.0, 0.5, 1.5], [0.81, 0.79, 9.0, 2.0, 0.5]])
    logps = ratios.log().double().requires_grad_()
    advantages = torch.tensor([[1.0, -2.0], [-1.0, 2.0]]).double()
    total = loss.clipped_loss(
        logps, TURN.expand(2, -1), advantages, torch.zeros_like(logps), (0.2, 0.28), divisor=5.0
    )
    found = -torch.autograd.grad(total, logps)[0] * 2 * 5
    by_hand = [[1.27, 0, 0, 0, -2 * 1.5], [-0.81, 0, 0, 0, 2 * 0.5]]
    assert torch.allclose(found, torch.tensor(by_hand).double(), atol=1e-6)


def every_rollout_its_own_attempt(rewards, log_ratios, weights):
    """As if corrections of other first attempts could tell how good this one's are."""
    k = len(rewards)
    baselines = (rewards.sum(0) - rewards) / (k - 1)
    return {"rewards": rewards - baselines, "log_ratios": log_ratios, "weights": weights}


def test_mutant_that_compares_a_shared_first_attempt_with_itself_fails():
    """Its own pay is then part of its baseline, which takes from its gradient."""
    change = every_rollout_its_own_attempt
    assert difference("stage_two", kl=None, baseline=False, k=4, c=2, change=change) > 1e-2


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
    parts = POLICY.rows(), REFERENCE.rows().detach(), None, earned("direct_multi_turn")
    total = project_loss(*parts, "direct_multi_turn", kl=kl, baseline=True, change=dict)
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
