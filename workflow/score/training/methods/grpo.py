"""GRPO on first attempts, as DAPO has it [arXiv 2402.03300; 2503.14476, Eq 8 to 11].

    maximise E[ 1 / Σ_i |y_i|  Σ_i Σ_τ min( ρ_iτ A_i, clip(ρ_iτ, 1 − clip_low, 1 + clip_high) A_i ) ]
    A_i = (r_i − mean of the group) / standard deviation of the group,   ρ = π / π_old of a token

Each set of rollouts serves `mini_batches` updates; there is no KL. With `dynamic_sampling_rounds` groups
whose rewards are all equal, which teach nothing, are replaced by groups of further problems. DAPO's
penalty of overlong attempts is left out. No rounds and clip_low = clip_high leave GRPO without its KL.
"""

from score.training.methods.method import Groups, Method
from score.training.methods.pieces import from_group_mean, own_score

LEAST = 1e-6  # added to the deviation, as in the authors' code


def scaled_by_group(rewards, groups: Groups):
    grouped = from_group_mean(rewards, groups).view(-1, groups.rollouts, rewards.size(1))
    return (grouped / (grouped.std(1, keepdim=True) + LEAST)).view_as(rewards)


METHOD = Method(
    name="grpo",
    rewards=own_score,
    advantages=scaled_by_group,
    sections=("training", "grpo"),
    one_turn=True,
    clipped=True,
    replaces_equal=True,
)
