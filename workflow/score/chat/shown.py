"""What a person sees of a question: attempts as they grow, and then what changed and what they state.

Texts of a policy are shown so that they can't steer a terminal (score.files.visible).
"""

from score.chat.differences import shown_changes
from score.chat.stream import TextPieces
from score.files.visible import visible, visible_lines
from score.sampling.sampling_plan import SamplingPlan

# What a policy writes between two attempts, by the way in which it is led from one to the next.
_BETWEEN = {"correction": (), "self_refine": ("Critique",), "pag": ("Its own verdict",)}
_LONGEST = 200  # characters of a stated answer


class Shown:
    """Prints the attempts at one question, each under its name, token by token."""

    def __init__(self, plan: SamplingPlan):
        self.tokenizer = plan.tokenizer
        between = _BETWEEN[plan.settings.prompting]
        turns = range(2, plan.settings.num_turns + 1)
        self.names = ["Attempt 1"]
        for turn in turns:
            self.names += [*between, f"Attempt {turn}"]
        self.pieces: TextPieces | None = None

    def heard(self, ids: list[int], whole: bool) -> None:
        if self.pieces is None:
            print(f"\n{self.names.pop(0)}")
            self.pieces = TextPieces(self.tokenizer)
        piece = self.pieces.rest(ids) if whole else self.pieces.add(ids)
        print(visible_lines(piece), end="\n" if whole else "", flush=True)
        if whole:
            self.pieces = None


def summary(found: dict, colours: bool) -> str:
    """What changed from attempt to attempt, and what each states. found: by `TriedPolicy.ask`."""
    lines = []
    for attempt, change in zip(found["attempts"][1:], found["changes"], strict=True):
        turns = f"{attempt['turn'] - 1} to {attempt['turn']}"
        lines += ["", f"Changed from attempt {turns}", shown_changes(change, colours)]
    lines.append("")
    for attempt in found["attempts"]:
        stated = attempt["stated"]
        text = "no answer" if stated is None else visible(stated, _LONGEST)
        verdict = f" ({attempt['verdict']})" if "verdict" in attempt else ""
        cut = ", cut off at the most tokens" if attempt["truncated"] else ""
        lines.append(f"Attempt {attempt['turn']} states: {text}{verdict}{cut}")
    return "\n".join(lines)
