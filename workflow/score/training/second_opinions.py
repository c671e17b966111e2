"""Second opinions on training rollouts: how often they differ from verdicts, and the newest that do.

A policy that is trained finds what its verifier wrongly pays for. Where a task has a second opinion
(score.verifiers.second_opinion), each update asks it about some attempts of each turn. The share that
differs is in the records of training; the rollouts are listed in a file, for a person to read. Neither
changes a reward, nor draws from a random state.
"""

import json
from collections import deque
from pathlib import Path

from accelerate.utils import gather_object
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from score.files.atomic import replace_file
from score.files.visible import in_json
from score.training.batches import Scored
from score.verifiers.second_opinion import has_second_opinion, second_opinions

NEWEST = 100  # attempts in the list, at most


class SecondOpinions:
    """Asks for second opinions and remembers the newest disagreements of all ranks.

    most: attempts of a turn that a rank asks about in an update, spread over its rollouts; 0: none.
    """

    def __init__(self, verifier, most: int):
        self.verifier, self.most = verifier, most
        self.asked = most > 0 and has_second_opinion(verifier)
        self.newest: deque[dict] = deque(maxlen=NEWEST)

    def ask(self, step: int, problems: list[dict], scored: Scored) -> list[tuple[int, int]]:
        """For each turn how many opinions of this rank differ from the verdict, and how many it got.

        Empty where none are asked for. problems: B rows with `prompt` and `answer`, the rollouts'. Takes
        no longer than a verdict may, and the start of a worker. Every rank must ask.
        """
        if not self.asked:
            return []
        turns = scored.scores.size(1)
        # By rollout, so that where time runs out it does so for all turns alike.
        places = sorted(place for t in range(turns) for place in self._places(scored, t))
        opinions = second_opinions(
            self.verifier,
            [scored.stated[row][t] for row, t in places],
            [problems[row]["answer"] for row, _ in places],
            seconds=self.verifier.deadline,
        )
        given = {place: o for place, o in zip(places, opinions, strict=True) if o is not None}
        differing = [
            (row, t)
            for (row, t), opinion in given.items()
            if opinion != (scored.verdicts[row][t] == "correct")
        ]
        rows = [_listed(step, problems[row], scored, row, t) for row, t in differing]
        self.newest.extend(gather_object(rows))
        return [
            (sum(t == turn for _, t in differing), sum(t == turn for _, t in given))
            for turn in range(turns)
        ]

    def _places(self, scored: Scored, turn: int) -> list[tuple[int, int]]:
        """Which attempts of a turn (from 0) are asked about, of those that state an answer."""
        stated = [(row, turn) for row, texts in enumerate(scored.stated) if texts[turn] is not None]
        return stated[:: -(-len(stated) // self.most) or 1]


def _listed(step: int, problem: dict, scored: Scored, row: int, turn: int) -> dict:
    """A line of the list. The question is what the policy was asked last, before its first attempt."""
    verdict = scored.verdicts[row][turn]
    return {
        "step": step,
        "turn": turn + 1,
        **({"problem_id": problem["problem_id"]} if "problem_id" in problem else {}),
        "question": problem["prompt"][-1]["content"],
        "attempts": scored.texts[row],
        "extracted": scored.stated[row][turn],
        "answer": problem["answer"],
        "verdict": verdict,
        "second_opinion": "incorrect" if verdict == "correct" else "correct",
    }


class Disagreements(TrainerCallback, ExportableState):
    """Keeps `path` at the newest disagreements of a training, oldest first; no file without opinions.

    They travel with checkpoints, so that training that was interrupted lists what it would have listed.
    """

    def __init__(self, opinions: SecondOpinions, path: str | Path):
        self.opinions, self.path, self.written = opinions, Path(path), None

    def state(self) -> dict:
        return {"args": {}, "attributes": {"newest": list(self.opinions.newest)}}

    def on_train_begin(self, args, state, control, **kwargs):
        name = type(self).__name__
        saved = state.stateful_callbacks.setdefault(name, self.state()) if state.global_step else {}
        self.opinions.newest.clear()
        self.opinions.newest.extend(saved.get("attributes", {}).get("newest", []))
        if state.is_world_process_zero:
            self.path.unlink(missing_ok=True)
            self._write()

    def on_step_end(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            self._write()

    def _write(self) -> None:
        newest = list(self.opinions.newest)
        if not self.opinions.asked or newest == self.written:
            return
        lines = [in_json(json.dumps(row, sort_keys=True, ensure_ascii=False)) for row in newest]
        replace_file(self.path, "".join(f"{line}\n" for line in lines).encode(errors="replace"))
        self.written = newest
