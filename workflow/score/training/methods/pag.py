"""PAG, Policy as Generative Verifier [arXiv 2506.10406, section 3 and appendix B].

A rollout is attempt y_1, verifier turn v_2, and only where v_2 says "wrong" a revision y_2 (and so on):

    maximise E[ r(y_1) + r_v(v_2) + 1[v_2 says wrong] (r(y_2) + α (r(y_2) − r(y_1)))
                − Σ_t β_t KL(π(·|x_t) ‖ π_ref(·|x_t)) ],   r_v = 1 where v_2's verdict is the real one

over the turns t that a rollout takes, each with its history x_t given: turns are optimised independently
(turn-level discount 0), with α = 1 and no KL. RoleAdvNorm: advantages are divided by the deviation of
those of their own role, that of attempts or that of verifier turns (`scale_advantages`).

Choices of ours: the authors train with PPO and a critic, in one update a set of rollouts, where the
clipped ratio is 1; here it is REINFORCE, which they found unstable, with a leave-one-out baseline over
the rollouts of the problem that take the turn, 0 where no other does. What can't be read as a verdict
earns nothing. The deviations divide a KL too.
"""

from score.training.methods.method import Method
from score.training.methods.pieces import first_and_corrections, leave_one_out_where_taken


def shaped_where_taken(scores, settings):
    """Rewards (B, 2 N − 1) of attempts and verifier turns by turns; nan stays: the turn is not taken."""
    rewards, attempts = scores.clone(), scores[:, ::2]
    rewards[:, 2::2] += settings.stage2_alpha * (attempts[:, 1:] - attempts[:, :-1])
    return rewards


METHOD = Method(
    name="pag",
    rewards=shaped_where_taken,
    advantages=leave_one_out_where_taken,
    kl_weights=first_and_corrections,
    sections=("training", "stage_two", "pag"),
    verifies=True,
    roles=2,
)
