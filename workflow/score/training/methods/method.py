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


@dataclass(frozen=True)
class Method:
    """What distinguishes one training from another; functions of tensors, which import no torch.

    rewards: (scores (B, N) in [0, 1], MethodSettings) -> rewards (B, N). advantages: (rewards (B, N),
    Groups) -> advantages (B, N). kl_weights: (N, init_kl_coef, corr_kl_coef) -> β_t, N values.
    sections: of the config, whose settings it takes; the later win. one_turn: whether it trains first
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
    kl_weights: Callable[[int, float, float], list[float]]
    sections: tuple[str, ...]
    one_turn: bool = False
    pays_first: bool = True
    given_first: bool = False
    clipped: bool = False
    replaces_equal: bool = False
    alternates: bool = False
    verifies: bool = False

    @property
    def prompting(self) -> str:
        """How the policy is led from one attempt to the next, in training and evaluation."""
        return "pag" if self.verifies else "correction"

    @property
    def roles(self) -> int:
        """How many roles the policy has, turn by turn, each with a σ of its own."""
        return 2 if self.verifies else 1

    @property
    def phases(self) -> int:
        """How often the same problems are sampled in a row."""
        return 2 if self.alternates else 1
