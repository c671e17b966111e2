"""Accuracy on the validation problems while a policy is trained: both attempts, greedily."""

import torch
from transformers import TrainerCallback

from score.sampling.rollout import attempt_texts
from score.training.batches import ask
from score.training.selection import Selection


def share_of(count: int, rank: int, ranks: int) -> list[tuple[int, bool]]:
    """The problems of a rank as (index, whether it counts there), equally many on every rank.

    Sharded weights (ZeRO-3) and a shared engine need all ranks in every pass; where `ranks` does not
    divide `count`, some ranks answer a problem again that counts elsewhere.
    """
    each = -(-count // ranks)
    return [(i % count, i < count) for i in range(rank, each * ranks, ranks)]


class Validation(TrainerCallback):
    """Records validation_accuracy_t1, validation_accuracy_t2, … every `steps` updates and at the end.

    The policy answers as in training, with the trainer's own sampler, prompts, limit of tokens and
    verifier, but greedily, which draws nothing from the random state of sampling. Attempts that are
    not trained are made too: two always, since that is what a policy is judged by in the end.

    problems: rows with `prompt` and `answer`, as the trainer's own; at least one. selection: knows
    when a budget of tokens ends the training.
    """

    def __init__(self, trainer, problems, steps: int, selection: Selection | None = None):
        self.trainer, self.problems, self.steps = trainer, list(problems), steps
        self.selection = selection

    def on_step_end(self, args, state, control, **kwargs):
        due = state.global_step % self.steps == 0 or state.global_step >= state.max_steps
        if due or self._spent(state):
            self.trainer.record(self.accuracies())

    def _spent(self, state) -> bool:
        """Whether this update ends the training, since with it `total_tokens` are spent."""
        if self.selection is None:
            return False
        return self.selection.spent([*state.log_history, self.trainer.record_under_way()])

    def accuracies(self) -> dict[str, float]:
        """The share of all validation problems whose attempt is right, for each turn."""
        trainer, accelerator = self.trainer, self.trainer.accelerator
        share = share_of(len(self.problems), accelerator.process_index, accelerator.num_processes)
        mine = [self.problems[index] for index, _ in share]
        turns = max(2, trainer.args.num_turns)
        rollouts = trainer.sample_greedily([problem["prompt"] for problem in mine], turns)
        texts = attempt_texts(rollouts, trainer.processing_class)
        right = torch.zeros(turns)
        for t in range(turns):
            verdicts = ask(trainer.verifier, [row[t] for row in texts], mine)
            counted = zip(verdicts, share, strict=True)
            right[t] = sum(is_right(verdict) for verdict, (_, counts) in counted if counts)
        right = accelerator.reduce(right.to(accelerator.device), "sum") / len(self.problems)
        return {f"validation_accuracy_t{t}": value for t, value in enumerate(right.tolist(), 1)}


def is_right(verdict) -> bool:
    """Whether an attempt is right: by its verdict, or by the score of a verifier that gives no more."""
    return bool(getattr(verdict, "correct", float(verdict) == 1.0))
