"""Which update's weights become the policy, decided from the records of a training alone.

A candidate is an update whose weights may be chosen. With `validation` these are the updates that
were validated, else every `save_steps`-th and the last. Since records travel with checkpoints, a
training that was interrupted chooses as one that was not. No torch here: the config is checked by
this module too.
"""

import math
from dataclasses import dataclass

CHOSEN_BY = ("last", "training_reward", "validation")


@dataclass(kw_only=True)
class SelectionSettings:
    """Fields of TrainSettings; configs/config.yaml says what each one means."""

    select_checkpoint: str = "last"
    validation_steps: int | None = None
    early_stop: int | None = None
    keep_checkpoints: int = 0
    stop_when_nothing_to_learn: int | None = None

    def check_selection(self) -> None:
        """ValueError for an unknown way to choose, and where a validation is missing."""
        if self.select_checkpoint not in CHOSEN_BY:
            raise ValueError(
                f"select_checkpoint is {self.select_checkpoint!r}; expected one of "
                f"{', '.join(CHOSEN_BY)}. Change it."
            )
        for name in ("validation_steps", "early_stop", "stop_when_nothing_to_learn"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; expected 1 or more, or null. Change it.")
        if self.keep_checkpoints < 0:
            raise ValueError(
                f"keep_checkpoints is {self.keep_checkpoints}; expected 0 or more. Change it."
            )
        if self.validation_steps is not None:
            return
        if self.select_checkpoint == "validation":
            raise ValueError(
                "select_checkpoint is 'validation' and validation_steps is null; expected a number of "
                "updates between validations. Set validation_steps, or another select_checkpoint."
            )
        if self.early_stop is not None:
            raise ValueError(
                f"early_stop is {self.early_stop} and validation_steps is null; expected a number of "
                "updates between validations. Set validation_steps, or early_stop: null."
            )


def is_update(record: dict) -> bool:
    """Whether the trainer recorded an update, and not the whole training at its end."""
    return "learning_rate" in record


def expected_updates(records: list[dict], updates: int, total_tokens: int | None) -> int:
    """How many updates a training will make, as far as those so far tell.

    records: of the updates so far (the trainer's `log_history`). updates: the most there are. A budget
    of tokens ends it sooner: the updates to come are taken to sample as many as those so far.
    """
    done = [record for record in records if is_update(record)]
    sampled = sum(record["sampled_tokens"] for record in done) if total_tokens else 0
    if not sampled:
        return updates
    return min(updates, max(done[-1]["step"], math.ceil(len(done) * total_tokens / sampled)))


def of_last_turn(record: dict, quantity: str) -> float | None:
    """`{quantity}_t{N}` of the last turn that the record has it of; None where it has none."""
    start = f"{quantity}_t"
    turns = [int(name.removeprefix(start)) for name in record if name.startswith(start)]
    return record[f"{start}{max(turns)}"] if turns else None


def best(values: dict[int, float]) -> int | None:
    """The step of the highest value; of equal ones the first."""
    return max(values, key=values.get) if values else None


class Selection:
    """The choice that the settings of a training describe. settings: TrainSettings.

    records are those of the updates so far, in their order (the trainer's `log_history`).
    """

    def __init__(self, settings):
        self.by, self.kept = settings.select_checkpoint, settings.keep_checkpoints
        self.save_steps, self.updates = settings.save_steps, settings.updates
        self.patience, self.tokens = settings.early_stop, settings.total_tokens
        self.mini_batches, self.trained_turns = settings.mini_batches, settings.num_turns

    def validations(self, records: list[dict]) -> dict[int, float]:
        """Step -> accuracy of the last attempt that is trained, for each update that was validated."""
        name = f"validation_accuracy_t{self.trained_turns}"
        return {record["step"]: record[name] for record in records if name in record}

    def stops_early(self, records: list[dict]) -> bool:
        """Whether a budget of tokens is spent, or the validation accuracy has not risen for long.

        Tokens count at the end of a set of rollouts. For long: as many validations in a row as
        `early_stop` says were no better than one before.
        """
        if self.spent(records):
            return True
        accuracies = self.validations(records)
        if self.patience is None or not accuracies:
            return False
        steps = list(accuracies)
        return len(steps) - 1 - steps.index(best(accuracies)) >= self.patience

    def spent(self, records: list[dict]) -> bool:
        """Whether `total_tokens` were sampled, at the end of the updates that share their rollouts."""
        updates = [record for record in records if is_update(record)]
        if self.tokens is None or not updates or updates[-1]["step"] % self.mini_batches:
            return False
        return sum(record["sampled_tokens"] for record in updates) >= self.tokens

    def candidates(self, records: list[dict]) -> dict[int, float]:
        """Step of each candidate -> what it is chosen by; the highest is best.

        validation: the accuracy of the last attempt that is trained. training_reward: the mean over the
        updates since the candidate before of its score, which is the reward without bonus and KL. last:
        the step itself.
        """
        records = [record for record in records if is_update(record)]
        if self.by == "validation":
            return self.validations(records)
        stopped = records[-1]["step"] if self.stops_early(records) else None
        found, rewards = {}, []
        for record in records:
            step = record["step"]
            rewards.append(of_last_turn(record, "reward"))
            if step % self.save_steps == 0 or step in (self.updates, stopped):
                found[step] = step if self.by == "last" else sum(rewards) / len(rewards)
                rewards = []
        return found

    def chosen(self, records: list[dict]) -> tuple[int, float] | None:
        """The best candidate so far as (step, what it is chosen by); None before the first."""
        candidates = self.candidates(records)
        step = best(candidates)
        return None if step is None else (step, candidates[step])

    def last_candidates(self, records: list[dict]) -> list[int]:
        """The steps of the `keep_checkpoints` last candidates so far."""
        return sorted(self.candidates(records))[-self.kept :] if self.kept else []

    def wanted(self, records: list[dict]) -> set[int]:
        """Steps whose weights must be at hand should training end after these records.

        The last update's own weights are the trainer's, so `last` wants none.
        """
        chosen = None if self.by == "last" else self.chosen(records)
        return {*self.last_candidates(records), *([chosen[0]] if chosen else [])}
