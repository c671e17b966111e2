"""Whether an exported policy answers as the original, token for token, by the code of its card."""

from dataclasses import dataclass
from pathlib import Path

import torch

from score.chat.tried import TriedPolicy
from score.files.errors import SiteError
from score.problems.problem import Problem
from score.sampling.sampled import read_sampled

# Two tokens whose logits differ by less may change places by rounding alone.
_TIES = {"float32": 1e-3, "bfloat16": 0.25}


@dataclass
class Original:
    """Greedy attempts of the original at one problem: token ids of each turn that was sampled, and by
    how much the logit of each token was above the next best one's."""

    problem: Problem
    ids: list[list[int]]
    margins: list[list[float]]


def originals(policy: TriedPolicy, problems: list[Problem]) -> list[Original]:
    """What the original, loaded to be asked greedily, answers. Each turn is computed anew, as plain
    transformers does, and not continued from the cache of the one before."""
    policy.generate.anew = True
    found = []
    for problem in problems:
        row = policy.sampled(problem)
        margins = policy.generate.margins
        kept = [margins[0], margins[-1]]
        found.append(Original(problem, [row["ids_t1"], row["ids_t2"]], kept))
    policy.generate.anew = False
    return found


def check_equal(code: str, made: list[Original], precision: str) -> int:
    """Run the card's definitions and compare; how many problems were left at a tie of two tokens.

    SiteError that names the problem and the token where the export answers otherwise.
    """
    names: dict = {}
    exec(compile(code, "the model card's code", "exec"), names)  # written by score.export.protocol
    model = names["model"].to("cuda" if torch.cuda.is_available() else "cpu")
    model.generation_config.do_sample = False
    for name in ("temperature", "top_p", "top_k"):
        setattr(model.generation_config, name, None)
    ties = 0
    for original in made:
        answered = names["answer_twice"](original.problem.question)
        for turn, (mine, its) in enumerate(zip(original.ids, answered, strict=True), start=1):
            if list(mine) == list(its):
                continue
            place = next(
                (i for i, pair in enumerate(zip(mine, its, strict=False)) if pair[0] != pair[1]),
                min(len(mine), len(its)),
            )
            margins = original.margins[turn - 1]
            if place < len(margins) and margins[place] < _TIES[precision]:
                ties += 1
                break  # what follows such a token need not be the same
            raise SiteError(
                f"the exported policy answers {original.problem.id} otherwise than the original: "
                f"token {place + 1} of attempt {turn} is {_at(its, place)} and not {_at(mine, place)}; "
                "expected the same greedy tokens. Nothing was written. Look whether the installed "
                "transformers knows this kind of policy."
            )
    return ties


def as_evaluated(sampled: Path, made: list[Original]) -> tuple[int, int]:
    """How many of the originals have the tokens that the run's evaluation sampled, and of how many."""
    frame = read_sampled(sampled)
    frame = frame[(frame["sample"] == 0) & (frame["correction"] == 0)].set_index("problem_id")
    there = [original for original in made if original.problem.id in frame.index]
    equal = 0
    for original in there:
        row = frame.loc[original.problem.id]
        equal += all(list(row[f"ids_t{turn}"]) == original.ids[turn - 1] for turn in (1, 2))
    return equal, len(there)


def _at(ids: list[int], place: int) -> str:
    return str(ids[place]) if place < len(ids) else "none"
