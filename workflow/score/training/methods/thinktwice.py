"""ThinkTwice [arXiv 2604.01591]: updates of first attempts and of refinements, in turn.

    A: maximise E[ r(y_1) ] over K first attempts at each problem
    B: maximise E[ r(y_2) ] over K refinements of one of these attempts, chosen uniformly, which is given

at the same problems, both with GRPO's clipped ratio as a mean over tokens, advantages r − mean of the
group, which no deviation divides, and no KL. Whether the attempt was right is not said.
"""

from score.training.methods.method import Method
from score.training.methods.pieces import from_group_mean, last_score

METHOD = Method(
    name="thinktwice",
    rewards=last_score,
    advantages=from_group_mean,
    sections=("training", "thinktwice"),
    clipped=True,
    pays_first=False,
    alternates=True,
)
