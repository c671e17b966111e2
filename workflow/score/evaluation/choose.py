"""Choose among the candidates of an arm by their accuracy on the validation problems.

    python -m score.evaluation.choose --attempt 2 \\
        --candidates '[{"learning_rate": 1e-4}, {"learning_rate": 1e-3}]' \\
        --attempts 0.parquet 1.parquet --policies 0/policy 1/policy \\
        --tuned tuned.json --table candidates.csv --policy policy

It is the accuracy of attempt 2, and of attempt 1 where the method trains that alone: what becomes of
the other one then is chance. The test problems have no say. Of equally good candidates the first wins.
"""

import json
import shutil
from pathlib import Path

import pandas as pd

from score.evaluation.metrics import self_correction
from score.files.atomic import replace_file, replace_folder
from score.files.parquet import read_parquet
from score.files.visible import in_cell, visible_lines
from score.jobs.command import Command, several

COMMAND = Command(__spec__, __doc__)


def score_candidates(
    candidates: list[dict], attempts: list[pd.DataFrame], attempt: int
) -> pd.DataFrame:
    """A row a candidate: its settings, Accuracy@t1, Accuracy@t2 and Δ as fractions, and `chosen`.

    attempt: 1 or 2, by whose accuracy is chosen.
    """
    if not candidates or len(candidates) != len(attempts):
        raise ValueError(
            f"there are {len(candidates)} candidates and attempts of {len(attempts)}; expected as "
            "many, and at least one. Evaluate every candidate."
        )
    rows = []
    for candidate, judged in zip(candidates, attempts, strict=True):
        rates = self_correction(
            judged["correct_t1"], judged["correct_t2"], judged["problem_id"], samples=1
        )
        shown = {name: rates[name] for name in ("accuracy_t1", "accuracy_t2", "delta")}
        rows.append({**candidate, "num_problems": rates["num_problems"], **shown})
    table = pd.DataFrame(rows)
    table["chosen"] = table.index == table[f"accuracy_t{attempt}"].idxmax()
    return table


def _judged(path: str) -> pd.DataFrame:
    try:
        judged = read_parquet(path)
        needed = ("problem_id", "correct_t1", "correct_t2")
        if missing := [name for name in needed if name not in judged]:
            raise ValueError(f"it lacks the columns {missing}")
        return judged
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} can't be read as parquet: {error}. Verify that candidate again."
        ) from None


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(
        arguments,
        candidates={"required": True, "type": json.loads, "help": "JSON: a list of settings"},
        attempts=several("verified attempts of each"),
        attempt={"required": True, "type": int, "choices": (1, 2), "help": "that is chosen by"},
        policies=several("policy folder of each"),
        tuned="JSON of the settings that won, to write",
        table="CSV of all candidates, to write",
        policy="copy of the policy that won, to write",
    )
    with COMMAND.errors():
        table = score_candidates(
            flags.candidates, [_judged(p) for p in flags.attempts], flags.attempt
        )
    won = int(table.index[table["chosen"]][0])
    print(visible_lines(table.to_string(index=False)))
    draft = Path(f"{flags.policy}.writing")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(flags.policies[won], draft)
    replace_folder(draft, Path(flags.policy))
    replace_file(flags.table, table.map(in_cell).to_csv(index=False).encode())
    replace_file(flags.tuned, f"{json.dumps(flags.candidates[won], sort_keys=True)}\n".encode())


if __name__ == "__main__":
    COMMAND.run(main)
