"""Choose among the candidates of an arm by Accuracy@t2 on the validation problems.

    python -m score.evaluation.choose --candidates '[{"learning_rate": 1e-4}, …]' \\
        --attempts 0.parquet … --policies 0/policy … \\
        --tuned tuned.json --table candidates.csv --policy policy

Every arm is measured alike, and by nothing that the test problems say. Of equally good candidates
the first wins.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import pandas as pd

from score.evaluation.metrics import self_correction
from score.files import replace_bytes


def score_candidates(candidates: list[dict], attempts: list[pd.DataFrame]) -> pd.DataFrame:
    """A row a candidate: its settings, Accuracy@t1, Accuracy@t2 and Δ as fractions, and `chosen`."""
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
        told = {name: rates[name] for name in ("accuracy_t1", "accuracy_t2", "delta")}
        rows.append({**candidate, "num_problems": rates["num_problems"], **told})
    table = pd.DataFrame(rows)
    table["chosen"] = table.index == table["accuracy_t2"].idxmax()
    return table


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.evaluation.choose", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--candidates", required=True, type=json.loads, help="JSON: a list of settings"
    )
    parser.add_argument("--attempts", required=True, nargs="+", help="judged attempts of each")
    parser.add_argument("--policies", required=True, nargs="+", help="policy folder of each")
    parser.add_argument("--tuned", required=True, help="JSON of the settings that won, to write")
    parser.add_argument("--table", required=True, help="CSV of all candidates, to write")
    parser.add_argument("--policy", required=True, help="copy of the policy that won, to write")
    flags = parser.parse_args(arguments)
    try:
        table = score_candidates(flags.candidates, [pd.read_parquet(p) for p in flags.attempts])
    except (ValueError, KeyError, OSError) as error:
        sys.exit(f"choose: {error}")
    won = int(table.index[table["chosen"]][0])
    print(table.to_string(index=False))
    shutil.rmtree(flags.policy, ignore_errors=True)
    shutil.copytree(Path(flags.policies[won]), flags.policy)
    replace_bytes(flags.table, table.to_csv(index=False).encode())
    replace_bytes(flags.tuned, f"{json.dumps(flags.candidates[won], sort_keys=True)}\n".encode())


if __name__ == "__main__":
    main()
