"""A few rollouts of the newest update, for a person who watches a training: in its log and in a file.

It reads what was sampled and judged for the update anyway, on the first process alone, and draws from no
random state, so that a training is the same with it and without.
"""

from pathlib import Path

from transformers import TrainerCallback

from score.files.columns import fitted
from score.files.step_lines import StepLines
from score.files.visible import visible
from score.training.rollout_sets import RolloutSet

FEW = 4  # rollouts of an update that are shown
MOST_BYTES = 16_000_000  # of the file
MOST_TEXT = 20_000  # characters of a text in the file
WIDTH = 100  # columns of the table
_TURN, _VERDICT, _STATED = 10, 9, 16  # columns of the table's narrow ones
_CUT = " [cut off]"  # behind a text that ran into the limit of tokens
_END = WIDTH - (_TURN + _VERDICT + _STATED) - len("|  |  |  |  |")


class ShowsRollouts(TrainerCallback):
    """Shows rollouts of the first update and of every `every`-th; None: of none.

    path: JSON Lines, a line a rollout, older updates thinned out once it has 16 MB. What an interrupted
    training had written behind its checkpoint is dropped when it goes on, and written again.
    """

    def __init__(self, trainer, path: str | Path, every: int | None):
        self.trainer, self.every, self.shown = trainer, every, 0
        self.lines = StepLines(path, MOST_BYTES)

    def on_train_begin(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            self.lines.begin(state.global_step)

    def on_step_end(self, args, state, control, **kwargs):
        if not state.is_world_process_zero or self.every is None or not self.trainer.newest_set:
            return
        step, drawn = self.trainer.newest_set
        if step == self.shown or not self._is_due(step, args.mini_batches):
            return
        self.shown = step
        rows = rollout_rows(step, drawn, self.trainer.method.verifies)
        self.lines.add(rows)
        print(rollout_table(rows, f"{self.lines.path}"), flush=True)

    def _is_due(self, step: int, updates: int) -> bool:
        """Whether the set of rollouts of `updates` updates from `step` on is one to show."""
        return step == 1 or (step - 1) // self.every < (step + updates - 1) // self.every


def rollout_rows(step: int, drawn: RolloutSet, verifies: bool, most: int = FEW) -> list[dict]:
    """Up to `most` rollouts, spread over those of a rank, with what a person needs to judge them.

    verifies: whether every second turn is the policy's own verdict on the attempt before it. A turn
    that was not taken is left out.
    """
    count = len(drawn.rollouts)
    places = range(count) if count <= most else [i * count // most for i in range(most)]
    return [_row(step, drawn, i, verifies) for i in places]


def _row(step: int, drawn: RolloutSet, i: int, verifies: bool) -> dict:
    problem, scored, each = drawn.problems[i], drawn.scored, 1 + verifies
    given = drawn.given is not None and drawn.given[i] is not None
    turns = []
    for t, score in enumerate(scored.scores[i].tolist()):
        if score != score:  # nan: the turn was not taken
            continue
        of_policy = verifies and t % 2
        turns.append(
            {
                "turn": f"{'verifier' if of_policy else 'attempt'} {t // each + 1}",
                "text": _bounded(scored.texts[i][t]),
                "stated": scored.stated[i][t] and _bounded(scored.stated[i][t]),
                "verdict": ("disagrees", "agrees")[score == 1]
                if of_policy
                else scored.verdicts[i][t],
                "score": score,
                "truncated": bool(drawn.rollouts[i].truncated[t]),
                "given": given and t == 0,
            }
        )
    return {
        "step": step,
        "problem_id": problem.get("problem_id"),
        "question": _bounded(problem.get("question") or problem["prompt"][-1]["content"]),
        "answer": problem["answer"],
        "turns": turns,
    }


def _bounded(text) -> str:
    """A text with what is too much of it left out in its middle."""
    text = str(text)
    if len(text) <= MOST_TEXT:
        return text
    half = MOST_TEXT // 2
    return f"{text[:half]}[… {len(text) - 2 * half} characters …]{text[-half:]}"


def rollout_table(rows: list[dict], path: str) -> str:
    """The rows of an update as lines of 100 columns: each problem, and the end of each attempt at it.

    Each line ends in |, so that no text of a policy is taken for a line of progress or an error.
    """
    names = _columns("turn", "verdict", "stated", "end of the text")
    lines = [f"rollouts of update {rows[0]['step']}, which are also in {visible(path)}", names]
    for row in rows:
        answer = visible(f"{row['answer']}", 30)
        name = "problem" if row["problem_id"] is None else f"problem {row['problem_id']}"
        told = visible(f"{name}, answer {answer}: {row['question']}"[: 2 * WIDTH])
        lines.append(f"| {fitted(told, WIDTH - 4)} |")
        for turn in row["turns"]:
            stated = "–" if turn["stated"] is None else visible(turn["stated"][: 2 * _STATED])
            end = visible(turn["text"].strip()[-2 * _END :])
            if turn["truncated"]:
                end = f"{fitted(end, _END - len(_CUT), from_end=True).rstrip()}{_CUT}"
            lines.append(_columns(turn["turn"], turn["verdict"].replace("_", " "), stated, end))
    return "\n".join(lines)


def _columns(turn: str, verdict: str, stated: str, end: str) -> str:
    cells = fitted(turn, _TURN), fitted(verdict, _VERDICT), fitted(stated, _STATED)
    return f"| {' | '.join((*cells, fitted(end, _END, from_end=True)))} |"
