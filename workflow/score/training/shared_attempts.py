"""First attempts that several rollouts share: an attempt is sampled once, its corrections C times.

Rollouts of a batch lie in runs of C with the same first attempt, which is the same token ids in each.
"""

from score.sampling.rollout import Generate, Rollout


class SharedFirst:
    """`Generate` that samples turn 1 for the first of every `corrections` prompts, for all of them.

    Later turns are sampled for each prompt. Log-probabilities that `generate` tells of turn 1 are those
    of the attempts that it sampled, one for every `corrections` prompts.
    """

    def __init__(self, generate: Generate, corrections: int):
        self.generate, self.corrections, self.first_turn = generate, corrections, True

    def __call__(self, prompts: list[list[int]], seeds: list[int] | None) -> list[list[int]]:
        if not self.first_turn:
            return self.generate(prompts, seeds)
        self.first_turn, every = False, slice(None, None, self.corrections)
        attempts = self.generate(prompts[every], None if seeds is None else seeds[every])
        return repeated(attempts, self.corrections)


def repeated(rows: list, times: int) -> list:
    """Every row `times` times, side by side."""
    return [row for row in rows for _ in range(times)]


def sampled_tokens(
    rollouts: list[Rollout], corrections: int, given: list[list[int] | None] | None
) -> int:
    """How many tokens were sampled for rollouts, in the order in which they were sampled.

    A first attempt counts once for all its corrections, and not at all where it was given. What a
    policy wrote between attempts counts.
    """
    firsts = sum(
        len(rollout.attempts[0])
        for i, rollout in enumerate(rollouts)
        if i % corrections == 0 and (given is None or given[i] is None)
    )
    later = (run for r in rollouts for run in (*r.attempts[1:], *r.critiques))
    return firsts + sum(map(len, later))
