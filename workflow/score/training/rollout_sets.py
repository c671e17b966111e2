"""What is sampled for the updates to come: a set of rollouts and their verdicts, drawn by the method.

Fresh rollouts; or, for a method that alternates, first attempts alone and then corrections of one of
them; with groups that are paid alike replaced where that is asked for.
"""

import json
import random
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from accelerate.utils import gather_object

from score.sampling.rollout import Rollout
from score.sampling.self_verified import as_attempts
from score.training.batches import Scored
from score.training.judging import Judging
from score.training.self_verified import score_verified
from score.training.shared_attempts import sampled_tokens

# Where the trainer's state, and so every checkpoint, keeps the first attempts that are corrected next.
CHOSEN = "chosen_first_attempts"


class RolloutSet(NamedTuple):
    """B rollouts of a rank in groups, with the row of each one's problem and what a verifier says.

    score: tells `scored`, and waits for verdicts that are still worked out. given: of each its first
    attempt where that was not sampled here; None where none can be. tokens: how many were sampled for
    the set on this rank. rounds: how often groups were replaced.
    """

    problems: list[dict]
    rollouts: list[Rollout]
    score: Callable[[], Scored]
    given: list[list[int] | None] | None
    tokens: int
    rounds: int = 0

    @property
    def scored(self) -> Scored:
        return self.score()


class SamplesSets:
    """The part of SCoReTrainer that draws rollouts as the method wants them."""

    def _sample_set(self, problems: list[dict]) -> RolloutSet:
        """Rollouts for this rank's rows of problems, each of which stands there K times in a row."""
        if self.args.one_step_off:
            return self._next_set(problems)
        if not self.method.alternates:
            drawn = self._draw(problems, self._given(problems), self.args.num_turns)
            rounds = self.args.dynamic_sampling_rounds
            return self._replace_equal(drawn, rounds) if rounds else drawn
        if self._corrects_next():
            return self._draw(problems, self._chosen_attempts(len(problems)), self.args.num_turns)
        drawn = self._draw(problems, None, turns=1)
        self._choose_attempts(drawn.rollouts)
        return drawn

    def _draw(
        self,
        problems: list[dict],
        given: list[list[int] | None] | None,
        turns: int,
        rollouts: list[Rollout] | None = None,
    ) -> RolloutSet:
        """Rollouts of the problems, which are judged meanwhile; those given are there already."""
        messages, shared = [problem["prompt"] for problem in problems], self.groups.corrections
        judging = Judging(self.verifier, problems, self._tokenizer, self._grading)
        if rollouts is None:
            told = {"turns": turns, "corrections": shared, "judging": judging}
            rollouts = self._sample(messages, given, **told)
        else:
            shown = map(as_attempts, rollouts) if self.method.verifies else rollouts
            judging.add(range(len(rollouts)), [rollout.attempts for rollout in shown])
        read = self._tokenizer, self.read_verdicts

        @cache
        def score() -> Scored:
            scored = judging.scored()
            return score_verified(scored, rollouts, *read) if self.method.verifies else scored

        tokens = sampled_tokens(rollouts, shared, given)
        return RolloutSet(problems, rollouts, score, given, tokens)

    # ----------------------------------------------------------------------------------- alternating
    def _corrects_next(self) -> bool:
        """Whether it is the turn of corrections: every second set is one."""
        return self.state.global_step // self.args.mini_batches % 2 == 1

    def _choose_attempts(self, rollouts: list[Rollout]) -> None:
        """Keep one first attempt at each problem, chosen uniformly by (seed, step), for all ranks."""
        attempts = gather_object([rollout.attempts[0] for rollout in rollouts])
        draw = random.Random(json.dumps([self.args.seed, self.state.global_step]))
        starts = range(0, len(attempts), self.num_generations)
        chosen = [attempts[start + draw.randrange(self.num_generations)] for start in starts]
        self.state.stateful_callbacks[CHOSEN] = {"args": {}, "attributes": {"attempts": chosen}}

    def _chosen_attempts(self, count: int) -> list[list[int]]:
        """The attempt that each of this rank's `count` rollouts corrects."""
        chosen = self.state.stateful_callbacks[CHOSEN]["attributes"]["attempts"]
        first = self.accelerator.process_index * count
        return [chosen[(first + i) // self.num_generations] for i in range(count)]

    # ------------------------------------------------------------------------------ dynamic sampling
    def _replace_equal(self, drawn: RolloutSet, rounds: int) -> RolloutSet:
        """The set with groups that are paid alike replaced by groups of further problems.

        Further problems follow from (seed, step). Every round samples as many groups on each rank as
        the rank has to replace that lacks most, which keeps ranks in step; groups that are paid alike
        again are dropped, and their tokens count. After `rounds`, or when no problem is left, the
        groups that remain are kept as they are.
        """
        draw = random.Random(json.dumps([self.args.seed, self.state.global_step]))
        further = draw.sample(range(len(self.train_dataset)), len(self.train_dataset))
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        for done in range(rounds):
            lacking = self._equal_groups(drawn)
            most = max(gather_object([len(lacking)]))
            if not most or len(further) < most * world:
                return drawn._replace(rounds=done)
            mine, further = further[rank * most : (rank + 1) * most], further[most * world :]
            rows = [self.train_dataset[i] for i in mine for _ in range(self.num_generations)]
            drawn = self._with_groups_of(
                drawn, lacking, self._draw(rows, None, self.args.num_turns)
            )
        return drawn._replace(rounds=rounds)

    def _equal_groups(self, drawn: RolloutSet) -> list[int]:
        """Which groups of a rank's rollouts are all paid alike in every turn."""
        rewards = self.method.earned(drawn.scored.scores, self.args, drawn.scored.stated)
        groups = rewards.view(-1, self.num_generations, rewards.size(1))
        equal = (groups == groups[:, :1]).flatten(1).all(1).tolist()
        return [group for group, alike in enumerate(equal) if alike]

    def _with_groups_of(self, drawn: RolloutSet, lacking: list[int], new: RolloutSet) -> RolloutSet:
        """The set with those groups of the new set that are not paid alike in place of `lacking`."""
        k, alike = self.num_generations, self._equal_groups(new)
        useful = [group for group in range(len(new.rollouts) // k) if group not in alike]
        source = list(range(len(drawn.rollouts)))  # row of `drawn`, or behind these of `new`
        for old, other in zip(lacking, useful, strict=False):
            first = len(drawn.rollouts) + other * k
            source[old * k : (old + 1) * k] = range(first, first + k)

        def pick(one, other):
            rows = [*one, *other]
            return [rows[i] for i in source]

        scored = Scored(
            torch.cat([drawn.scored.scores, new.scored.scores])[source],
            *(pick(a, b) for a, b in zip(drawn.scored[1:], new.scored[1:], strict=True)),
        )
        return drawn._replace(
            problems=pick(drawn.problems, new.problems),
            rollouts=pick(drawn.rollouts, new.rollouts),
            score=lambda: scored,
            tokens=drawn.tokens + new.tokens,
        )
