"""What a method of reinforcement learning is made of.

Legend of shapes: B rollouts, N turns. For each turn t with its own history x_t, which counts as given
(γ = 0), what is maximised is

    E[ reward_t − β_t KL(π(·|x_t) ‖ π_ref(·|x_t)) ]

and the gradient of the reward is taken with the turn's advantage in place of the reward.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Groups(NamedTuple):
    """How rollouts lie in a batch: those of one problem side by side, and in them those of one attempt.

    rollouts: K of one problem. corrections: C of these that continue the same first attempt, so that a
    problem has K / C first attempts.
    """

    rollouts: int
    corrections: int = 1


def no_kl(turns: int, init_kl_coef: float, corr_kl_coef: float) -> list[float]:
    """No turn is held to the reference."""
    return [0.0] * turns


@dataclass(frozen=True)
class Method:
    """What distinguishes one training from another; functions of tensors, which import no torch.

    rewards: (scores (B, N) in [0, 1], MethodSettings) -> rewards (B, N). advantages: (rewards (B, N),
    Groups) -> advantages (B, N). kl_weights: (N, init_kl_coef, corr_kl_coef) -> β_t, N values; all 0
    where none is named, as in methods with a clipped ratio.
    sections: of the config, whose settings it takes; the later win. reads_answers: whether `rewards`
    takes a third argument, which turns of a rollout state the same answer (`same_answers`), and so pays
    by answers too; call `earned`, which knows. one_turn: whether it trains first
    attempts alone. pays_first: whether a first attempt may earn something. given_first: whether first
    attempts may be given that the policy did not write. clipped: whether the loss is the clipped ratio,
    a mean over tokens that serves several updates, and not REINFORCE, a sum over a rollout's tokens.
    replaces_equal: whether groups that are paid alike may be replaced. alternates: whether rollouts of
    first attempts alone, and of corrections of one of these, take turns at the same problems. verifies:
    whether the policy judges its own attempts: N attempts have 2 N − 1 turns then, the score of a turn
    that a rollout does not take is nan, and σ is one of attempts and one of verifier turns.
    """

    name: str
    rewards: Callable
    advantages: Callable
    sections: tuple[str, ...]
    kl_weights: Callable[[int, float, float], list[float]] = no_kl
    reads_answers: bool = False
    one_turn: bool = False
    pays_first: bool = True
    given_first: bool = False
    clipped: bool = False
    replaces_equal: bool = False
    alternates: bool = False
    verifies: bool = False
    roles: int = 1

    def earned(self, scores, settings, stated: list[list]):
        """Rewards (B, N) of scores (B, N). stated: B rows of the N answers that the turns state."""
        told = (same_answers(scores, stated),) if self.reads_answers else ()
        return self.rewards(scores, settings, *told)

    @property
    def prompting(self) -> str:
        """How the policy is led from one attempt to the next, in training and evaluation."""
        return "pag" if self.verifies else "correction"

    @property
    def apart(self) -> int:
        """How many turns one attempt is from the next."""
        return 2 if self.verifies else 1

    @property
    def phases(self) -> int:
        """How often the same problems are sampled in a row."""
        return 2 if self.alternates else 1


def same_answers(scores, stated: list[list]):
    """For each turn the first turn of its rollout, from 0, that states the same answer: (B, N) integers.

    Answers are the same where their texts are, as in the records' `unchanged`; turns that state nothing
    are alike. scores: (B, N), on whose device the result is.
    """
    return scores.new_tensor([[row.index(answer) for answer in row] for row in stated]).long()
