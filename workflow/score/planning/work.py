"""The jobs of a run that sample or train, and how many tokens each of them takes.

Lengths are assumed, since only a policy knows them: of prompts and messages in tokens, of attempts as a
share of their limit. What training finds is taken at its most where it is bounded (PAG revises every
attempt, every fine-tuned round keeps all pairs that it may), and left out where it is not (groups that
GRPO replaces); `notes` say which.
"""

from dataclasses import dataclass, field

from score.experiment.job_settings import JobSettings
from score.experiment.plan import Plan
from score.fine_tuning.settings import CORRECTING
from score.training.methods import METHODS


@dataclass(frozen=True)
class Lengths:
    """Tokens of a prompt, of the message between attempts, and the share of max_tokens that attempts
    have on average. train, test: how many problems there are where the config does not say."""

    prompt: float = 200
    message: float = 50
    share: float = 0.5
    train: int = 7500
    test: int = 500


@dataclass(frozen=True)
class Turn:
    """A generation: `asked` tokens are computed behind `before` that are in the cache already, for
    `distinct` of the rows that go on in it; `taken`: rows for each rollout."""

    before: float
    asked: float
    distinct: float = 1.0
    taken: float = 1.0


@dataclass(frozen=True)
class Conversation:
    """The rollouts of a kind: their turns, and what is scored of them.

    tokens: of a whole sequence. prompt: of these, those that all rollouts of a problem share. trained:
    of these, tokens that are scored. limit: of an attempt. share: of all rollouts that are such.
    """

    turns: tuple[Turn, ...]
    tokens: float
    prompt: float
    trained: float
    limit: int
    share: float = 1.0

    def longest(self, attempt: float) -> float:
        """Tokens of a sequence whose attempts, `attempt` long on average, all reach their limit."""
        return self.tokens + self.trained / attempt * (self.limit - attempt)


@dataclass
class Work:
    """A job: rollouts that are sampled, `rows` at once, and what a training does with them.

    rollouts: of the whole job. updates, batch: 0 where nothing is trained. sets: how often rollouts are
    sampled. settings: of the training. passes: of the whole batch without gradient. budget: most
    positions of a pass; None: passes are of so many rollouts.
    """

    name: str
    kind: str
    conversations: list[Conversation]
    rollouts: float
    rows: int
    each: int = 1
    updates: int = 0
    batch: int = 0
    sets: int = 1
    passes: int = 0
    settings: dict = field(default_factory=dict)
    validated: float = 0
    budget: int | None = None
    notes: list[str] = field(default_factory=list)


class RunWork:
    """The jobs of a config."""

    def __init__(self, config: dict, lengths: Lengths):
        self.plan, self.config, self.lengths = Plan(config), config, lengths
        self.jobs = JobSettings(self.plan)
        self.notes: list[str] = []

    def all(self) -> list[Work]:
        """In the order of the run: ahead of a training what it starts from, evaluations in the end."""
        found = []
        for one in self.plan.trained:
            found += self._ahead(one)
            tuned = self.plan.is_fine_tuned(one)
            found += self._fine_tuning(one) if tuned else [self._reinforced(one)]
        for name, evaluation in self.plan.evaluations.items():
            found += [self._evaluation(one, name) for one in evaluation.instances]
        return found

    # --------------------------------------------------------------------------------------- problems
    def _problems(self, split: str, asked: int | None = None) -> int:
        key = f"{split}_size"
        stated = self.config["problems"][key]
        if stated is None:
            stated = self.lengths.train if split == "train" else self.lengths.test
            note = f"problems.{key} is null: {stated} are assumed (--{split}-problems)"
            if asked is None and note not in self.notes:
                self.notes.append(note)
        return stated if asked is None else asked

    # --------------------------------------------------------------------------------------- sampling
    def conversation(
        self, limit: int, attempts: int, *, given: bool = False, same: int = 1, firsts: float = 1.0
    ) -> Conversation:
        """A conversation of so many attempts. given: the first is not sampled. same: rollouts of one
        prompt. firsts: first attempts for each rollout."""
        prompt, message, mean = (
            self.lengths.prompt,
            self.lengths.message,
            self.lengths.share * limit,
        )
        tokens = prompt + attempts * mean + (attempts - 1) * message
        turns = [Turn(0, prompt, 1 / same, firsts)]
        turns += [
            Turn(prompt + t * (mean + message) - message, message) for t in range(1, attempts)
        ]
        if given:
            prompt += mean + message
            turns = [Turn(0, prompt, 1 / same), *turns[2:]]
        sampled = attempts - given
        return Conversation(tuple(turns), tokens, prompt, sampled * mean, limit)

    def _sampled(self, name: str, settings, *, problems: int, given: bool) -> Work:
        turns = settings.num_turns
        if settings.prompting != "correction":
            turns = 2 * turns - 1  # critiques and verdicts are generations too
        same = settings.samples
        conversation = self.conversation(
            settings.max_tokens,
            turns,
            given=given,
            same=min(same, settings.batch_size),
            firsts=1 / settings.corrections,
        )
        rollouts = problems * settings.samples * settings.corrections
        return Work(name, "sampling", [conversation], rollouts, settings.batch_size, same)

    def _evaluation(self, instance: str, name: str) -> Work:
        evaluation, settings = self.plan.evaluations[name], self.jobs.sampling(instance, name)
        split = evaluation.split
        size = self.config["problems"].get("validation_size") if split == "validation" else None
        problems = self._problems(split, settings.num_problems or size)
        given = evaluation.first_attempts_of is not None
        return self._sampled(f"{instance}: {name}", settings, problems=problems, given=given)

    def _ahead(self, instance: str) -> list[Work]:
        """First attempts that are sampled ahead of a training, where it starts from such."""
        if self.plan.pool(instance) is None or self.jobs.sampled_by(instance, 0) != instance:
            return []
        settings = self.jobs.first_attempts(instance)
        problems = self._problems("train", settings.num_problems)
        name = f"{instance}: first attempts"
        return [self._sampled(name, settings, problems=problems, given=False)]

    # --------------------------------------------------------------------------------------- training
    def _reinforced(self, instance: str) -> Work:
        settings = self.plan.settings(instance)
        method = METHODS[settings["objective"]]
        batch = settings["per_device_train_batch_size"] * settings["gradient_accumulation_steps"]
        updates = settings["total_episodes"] // batch
        k, minis = settings["number_output_initial_generations"], settings["mini_batches"]
        work = Work(
            f"{instance}: training",
            "training",
            self._conversations(settings, method),
            settings["total_episodes"],
            settings["local_rollout_forward_batch_size"],
            k,
            updates,
            batch,
            updates // minis,
            1 + (minis > 1) + (settings["kl_estimator"] == "k1"),
            settings,
        )
        work.budget = settings["micro_batch_tokens"]
        steps = settings["validation_steps"]
        if steps and self.plan.is_validated(instance):
            work.validated = updates // steps * self.config["problems"]["validation_size"]
        if settings["dynamic_sampling_rounds"]:
            work.notes.append(f"{instance}: groups that are replaced are not counted")
        if settings["one_step_off"]:
            work.notes.append(
                f"{instance}: sampling and training take turns here, as if not one_step_off"
            )
        if method.verifies:
            work.notes.append(f"{instance}: every attempt counts as revised, verdicts as attempts")
        if settings["early_stop"] is not None or settings["total_tokens"] is not None:
            work.notes.append(f"{instance}: may end earlier")
        return work

    def _conversations(self, settings: dict, method) -> list[Conversation]:
        limit, turns = settings["max_tokens"], settings["num_turns"]
        k, shared = (
            settings["number_output_initial_generations"],
            settings["corrections_per_attempt"],
        )
        if method.alternates:
            kinds = [
                self.conversation(limit, 1, same=k),
                self.conversation(limit, 2, given=True, same=k),
            ]
            return [Conversation(**{**vars(one), "share": 0.5}) for one in kinds]
        generations = 2 * turns - 1 if method.verifies else turns
        sampled = self.conversation(limit, generations, same=k, firsts=1 / shared)
        offline = settings.get("offline_first_attempts") or 0
        if not offline:
            return [sampled]
        given = self.conversation(limit, generations, given=True, same=k)
        shares = (offline, given), (1 - offline, sampled)
        return [Conversation(**{**vars(one), "share": part}) for part, one in shares if part]

    def _fine_tuning(self, instance: str) -> list[Work]:
        settings, objective = self.plan.settings(instance), self.plan.objective(instance)
        batch = settings["per_device_train_batch_size"] * settings["gradient_accumulation_steps"]
        problems = self._problems("train", settings.get("training_problems"))
        limit, rounds, found = settings["max_tokens"], self.plan.iterations(instance), []
        updates = settings["updates"]
        if updates is None:
            most = 1 if objective == "supervised" else settings["pairs_per_problem"]
            most = most or settings["number_output_initial_generations"]
            updates = max(1, -(-problems * most // batch))
            self.notes.append(f"{instance}: updates is null: at most {updates} in a round")
        for number in range(1, rounds + 1):
            if objective in CORRECTING and self.jobs.sampled_by(instance, number) == instance:
                sampling = self.jobs.corrections(instance, number)
                given = self.plan.pool(instance) is not None
                name = f"{instance}: corrections {number}"
                found.append(self._sampled(name, sampling, problems=problems, given=given))
            taught = self.conversation(limit, 2, given=True)
            taught = Conversation((), *list(vars(taught).values())[1:])
            found.append(
                Work(
                    f"{instance}: fine-tuning {number}",
                    "training",
                    [taught],
                    updates * batch,
                    batch,
                    1,
                    updates,
                    batch,
                    updates,
                    0,
                    settings,
                )
            )
        return found
