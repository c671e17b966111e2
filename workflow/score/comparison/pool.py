"""Put runs of one config with different base policies together: their table, pairs and claims.

    python -m score.comparison.pool results/claims results/claims-base1 --output results/claims-pooled

An arm is then trained once for each seed of each run. Intervals and p are those of drawing whole runs
as well as problems, so that they count how results differ from base policy to base policy. Each run
has to show claim 8. Nothing is trained or sampled.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from score.comparison import claims, compare

SHARED = ("problems/test.jsonl", "compare_settings.json", "claims_settings.json", "budgets.json")


def pooled_attempts(runs: list[Path]) -> list[str]:
    """`arm/run/seed=file` of the judged test attempts of all runs, arms in the order of their table.

    ValueError names what a run lacks, or in what it isn't like the first.
    """
    names = [run.name for run in runs]
    if len(runs) < 2 or len(set(names)) < len(names):
        raise ValueError(f"runs are {names}; expected two or more folders with different names.")
    for file in SHARED:
        contents = [_content(run / file) for run in runs]
        for run, content in zip(runs, contents, strict=True):
            if content != contents[0]:
                raise ValueError(
                    f"{run / file} differs from {runs[0] / file}. Pool runs of one config, which "
                    "differ by model_path and run_name alone."
                )
    found = [_attempts(run) for run in runs]
    kinds = [{arm: list(seeds) for arm, seeds in arms.items()} for arms in found]
    for run, kind in zip(runs, kinds, strict=True):
        if kind != kinds[0]:
            raise ValueError(f"arms or seeds of {run} are not those of {runs[0]}. Run both alike.")
    return [
        f"{'/'.join(filter(None, (arm, run.name, seed)))}={file}"
        for arm in found[0]
        for run, arms in zip(runs, found, strict=True)
        for seed, file in arms[arm].items()
    ]


def _attempts(run: Path) -> dict[str, dict[str, Path]]:
    """Arm -> seed -> file of judged attempts; the seed is "" for an arm without."""
    table = pd.read_csv(run / "self_correction.csv")
    arms = {}
    for arm, count in zip(table["policy"], table["seeds"], strict=True):
        file = "test/attempts.parquet"
        arms[arm] = {path.name: path / file for path in sorted((run / arm).glob("seed*"))}
        arms[arm] = arms[arm] or {"": run / arm / file}
        if len(arms[arm]) != count:
            raise ValueError(
                f"{run / arm} holds {len(arms[arm])} seeds, and the table of its run counts {count}. "
                "Finish that run first, in a folder without another's results."
            )
    return arms


def _content(file: Path) -> bytes:
    if not file.is_file():
        raise ValueError(f"{file}: no such file. Finish that run first.")
    return file.read_bytes()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.comparison.pool", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("runs", nargs="+", type=Path, help="folders of results")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    flags = parser.parse_args(arguments)
    try:
        attempts = pooled_attempts(flags.runs)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"pool: {error}")
    first, output = flags.runs[0], flags.output
    output.mkdir(parents=True, exist_ok=True)
    table = ["--settings", first / "compare_settings.json", "--budgets", first / "budgets.json"]
    table += ["--csv", output / "self_correction.csv", "--markdown", output / "self_correction.md"]
    table += ["--pairs-csv", output / "pairs.csv", "--pairs-markdown", output / "pairs.md"]
    compare.main([*map(str, table), "--attempts", *attempts])
    tested = ["--settings", first / "claims_settings.json"]
    tested += ["--markdown", output / "claims.md", "--json", output / "claims.json"]
    scaling = [run / "analyses/scaling.csv" for run in flags.runs]
    tested += ["--scaling", *scaling] if all(map(Path.is_file, scaling)) else []
    claims.main([*map(str, tested), "--attempts", *attempts])


if __name__ == "__main__":
    main()
