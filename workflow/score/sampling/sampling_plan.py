"""What is asked of a policy: all that sampling depends on but for the policy's weights."""

from dataclasses import asdict
from pathlib import Path

from score.files.digests import digest, file_digest
from score.files.settings import IDLE
from score.policies.fitness import check_policy, check_vocabulary
from score.policies.load import policy_digest, vocabulary_size
from score.problems.problem import Problem
from score.sampling.draws import turn_seeds
from score.sampling.prompt_settings import task_of
from score.sampling.prompts import (
    Bridge,
    Messages,
    correction_prompts,
    first_messages,
    prompt_ids,
    prompts_digest,
    system_prompt_of,
)
from score.sampling.rollout import Generate, Rollout, begin_rollouts, continue_rollouts
from score.sampling.sampled import read_first_attempts, rollout_rows
from score.sampling.self_verified import (
    ReadVerdicts,
    as_attempts,
    continue_verified,
    verified_columns,
)
from score.sampling.settings import SampleSettings
from score.sampling.shards import Job
from score.sampling.tokenizers import asking_tokenizer

# Settings on which no attempt depends, so that shards outlive a change of them.
_IDLE = (*IDLE, "batch_size")


class SamplingPlan:
    """The prompts of a policy's attempts at the problems, and the draws of each of them.

    prompts: token ids by problem id. messages_between, bridges: what leads from an attempt to the next,
    as messages and as token ids. given: rollouts of first attempts by job, empty where the policy makes
    its own. ValueError where the policy can't run, or tokenizer, task and given first attempts don't go
    together.
    """

    def __init__(
        self,
        settings: SampleSettings,
        path: str,
        problems: list[Problem],
        few_shot: Messages,
        first_attempts: Path | None = None,
    ):
        self.settings, self.path = settings, path
        self.first_attempts = first_attempts
        self.task, self.few_shot = task_of(settings), few_shot
        rows = check_policy(path, settings.cache_dir, settings.trust_remote_code)
        self.tokenizer = asking_tokenizer(path, settings)
        check_vocabulary(self.tokenizer, rows)
        self.messages_between = correction_prompts(self.task, settings.prompting)
        self.bridges = tuple(
            Bridge.from_tokenizer(self.tokenizer, message, system_prompt_of(self.task))
            for message in self.messages_between
        )
        self.take(problems)
        self.given: dict[Job, Rollout] = {}
        if first_attempts is not None:
            if settings.num_turns == 1:
                raise ValueError(
                    "num_turns is 1 and first attempts are given, so nothing is left to sample; "
                    "expected at least 2. Raise num_turns, or sample without them."
                )
            self.given = read_first_attempts(
                first_attempts,
                self.prompts,
                settings.samples,
                vocabulary_size(path, settings.cache_dir, settings.trust_remote_code),
            )

    def take(self, problems: list[Problem]) -> None:
        """Ask the policy these problems, in place of those before."""
        self.problems = problems
        self.by_id = {problem.id: problem for problem in problems}
        self.prompts = {
            p.id: prompt_ids(self.tokenizer, first_messages(p.question, self.task, self.few_shot))
            for p in problems
        }

    def provenance(self) -> dict:
        """All that attempts depend on: settings as they are, the rest as digests."""
        settings = asdict(self.settings).items()
        return {
            **{key: value for key, value in settings if key not in _IDLE},
            "policy": policy_digest(self.path, self.settings.cache_dir),
            "problems": digest([asdict(problem) for problem in self.problems]),
            "prompts": prompts_digest(self.prompts.values(), self.bridges),
            "first attempts": self.first_attempts and file_digest(self.first_attempts),
        }

    def length(self) -> int:
        """The most tokens that one conversation can have."""
        limit = self.settings.max_tokens
        first = max([limit, *(len(rollout.attempts[0]) for rollout in self.given.values())])
        later = sum(len(bridge.ids) + limit for bridge in self.bridges)
        most = self.settings.num_turns if self.settings.history == "whole" else 2
        turns = min(self.settings.num_turns, most)
        stripped = [bridge.history for bridge in self.bridges if bridge.history is not None]
        later += sum(shown.longer() for shown in stripped)
        return max(map(len, self.prompts.values())) + first + (turns - 1) * later

    def rows(self, batch: list[Job], generate: Generate, stop_ids: set[int]) -> list[dict]:
        """Rows of sampled.parquet for a batch: N_corr for each of its first attempts.

        Corrections are sampled one after the other, so every call of `generate` is of one batch: the
        numbers round alike for any N_corr, and ranks that share out the weights stay in step.
        """
        settings = self.settings
        seeds = [self._seeds(batch, correction) for correction in range(settings.corrections)]
        if self.given:
            begun = [self.given[job] for job in batch]
        else:
            asked = [self.prompts[problem_id] for problem_id, _ in batch]
            begun = begin_rollouts(asked, generate, stop_ids, [row[0] for row in seeds[0]])
        rows = []
        for correction, own_seeds in enumerate(seeds):
            asked = begun, self.bridges, generate, stop_ids, settings.num_turns
            if settings.prompting == "pag":
                rows += self._verified_rows(batch, correction, asked, own_seeds)
                continue
            rollouts = continue_rollouts(*asked, own_seeds, settings.history)
            opening = self.bridges[0].opening
            rows += rollout_rows(self.by_id, batch, correction, rollouts, self.tokenizer, opening)
        return rows

    def _verified_rows(
        self, batch: list[Job], correction: int, asked: tuple, seeds: list[list[int]]
    ) -> list[dict]:
        """The rows of one correction where the policy judges its attempts."""
        settings, opening = self.settings, self.bridges[0].opening
        read = ReadVerdicts(self.tokenizer, asked[3], settings.reasoning_tags, opening)
        rollouts = continue_verified(*asked, read, seeds, settings.history)
        shown = [as_attempts(rollout) for rollout in rollouts]
        rows = rollout_rows(self.by_id, batch, correction, shown, self.tokenizer, opening)
        return [
            {**row, **verified_columns(rollout, read.of(rollout))}
            for row, rollout in zip(rows, rollouts, strict=True)
        ]

    def _seeds(self, batch: list[Job], correction: int) -> list[list[int]]:
        settings = self.settings
        return [
            turn_seeds(
                settings.random_seed,
                *job,
                settings.num_turns,
                correction,
                critiques=len(self.bridges) > 1,
            )
            for job in batch
        ]
