"""Whether a training can learn at all: what is watched of it, said of it, and may end it."""

from itertools import product

import torch
from transformers import TrainerCallback

from score.training.selection import is_update, of_last_turn

SAID_AFTER = 10  # updates in a row without anything to learn, before it is said


def paid_turns(method, settings, turns: int) -> list[int]:
    """The turns, 1 … N, that can earn something with a method: Stage I pays the last alone."""
    scores = torch.tensor(list(product((0.0, 1.0), repeat=turns)))
    alike, apart = (
        [answers] * len(scores) for answers in ([""] * turns, [*map(str, range(turns))])
    )
    earned = method.earned(scores.repeat(2, 1), settings, alike + apart)
    earned = (earned != 0).any(0)
    return [t for t, paid in enumerate(earned.tolist(), start=1) if paid]


def nothing_to_learn(record: dict) -> bool:
    """Whether in each turn that can earn all rollouts of every problem were paid alike."""
    shares = [value for name, value in record.items() if name.startswith("equal_groups_t")]
    return bool(shares) and min(shares) == 1.0


def updates_without(records: list[dict]) -> int:
    """How many updates in a row, up to the last, had nothing to learn."""
    count = 0
    for record in reversed([record for record in records if is_update(record)]):
        if not nothing_to_learn(record):
            break
        count += 1
    return count


def advice(record: dict) -> str:
    """What may be changed about a training that has nothing to learn, from one of its records."""
    reward, silent = of_last_turn(record, "reward"), of_last_turn(record, "no_answer") or 0.0
    cut = of_last_turn(record, "truncated") or 0.0
    if silent > 0.5:
        limit = ", or raise max_tokens, which cut so many" if cut > 0.5 else ""
        return (
            f"{silent:.0%} of the last attempts state no answer: show the answer form in few_shot_dir, "
            f"check evaluator_answer_marker{limit}"
        )
    if reward < 0.5:
        return (
            f"{1 - reward:.0%} of the last attempts are wrong: take easier problems or a stronger "
            "policy, or raise number_output_initial_generations"
        )
    return (
        f"{reward:.0%} of the last attempts are right: take harder problems, or raise temperature or "
        "number_output_initial_generations"
    )


class NothingToLearn(TrainerCallback):
    """Says once that a training has nothing to learn, and ends it where that was asked for.

    stop_after: updates in a row without anything to learn before training ends, with a checkpoint;
    None never ends it. `message` is what was said when it ended, else None.
    """

    def __init__(self, stop_after: int | None = None):
        self.stop_after, self.said, self.message = stop_after, False, None

    def on_log(self, args, state, control, **kwargs):
        records = state.log_history
        if not is_update(records[-1]):
            return
        count = updates_without(records)
        text = (
            f"nothing to learn for {count} updates: all rollouts of each problem earned the same, so "
            f"none had an advantage; {advice(records[-1])}"
        )
        if count >= SAID_AFTER and not self.said and state.is_world_process_zero:
            print(text, flush=True)
            self.said = True
        whole = state.global_step % args.mini_batches == 0  # of updates that share their rollouts
        if self.stop_after is not None and count >= self.stop_after and whole:
            if state.global_step < state.max_steps:
                control.should_training_stop = control.should_save = True
                self.message = text
