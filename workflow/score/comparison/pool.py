"""Put runs of one config with different base policies together: their table, pairs and claims.

    python -m score.comparison.pool results/claims results/claims-base1 --output results/claims-pooled

In the pooled tables an arm has an instance for each seed of each run. Runs take the place of seeds in
intervals and p, which so include how results differ from base policy to base policy: R runs have R - 1
degrees of freedom, however many seeds each has. Claim 8 has to hold in every run. Nothing is trained
or sampled.
"""

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from score.comparison import claims, compare
from score.files.made_with import differing, digests_of
from score.jobs.command import Command, words
from score.jobs.progress import draw

COMMAND = Command(__spec__, __doc__)
SHARED = ("problems/test.jsonl", "claims_settings.json", "budgets.json")


def pooled_attempts(runs: list[Path]) -> list[str]:
    """`arm/run/seed=file` of the verified test attempts of all runs, arms in the order of their table.

    ValueError names what a run lacks, or in what it differs from the first.
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
    files = [_attempts(run) for run in runs]
    seeds = [{arm: list(of_seeds) for arm, of_seeds in arms.items()} for arms in files]
    for run, its_seeds in zip(runs, seeds, strict=True):
        if its_seeds != seeds[0]:
            raise ValueError(f"arms or seeds of {run} are not those of {runs[0]}. Run both alike.")
    for its_files in files[1:]:
        _check_made_alike(files[0], its_files)
    return [
        f"{'/'.join(filter(None, (arm, run.name, seed)))}={file}"
        for arm in files[0]
        for run, arms in zip(runs, files, strict=True)
        for seed, file in arms[arm].items()
    ]


def _check_made_alike(first: dict[str, dict[str, Path]], other: dict[str, dict[str, Path]]) -> None:
    """ValueError names attempts that were trained, sampled or verified with other settings."""
    for arm, seeds in first.items():
        for seed, file in seeds.items():
            if jobs := differing(_made_with(file), _made_with(other[arm][seed])):
                raise ValueError(
                    f"{other[arm][seed]} and {file} were made with other settings ({', '.join(jobs)}); "
                    "expected runs of one config, which differ by model_path and run_name alone. Run "
                    "both alike."
                )


def _made_with(file: Path) -> dict[str, str]:
    try:
        return digests_of(pq.read_schema(file).metadata)
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{file} can't be read: {error}. Finish its run first.") from None


def _attempts(run: Path) -> dict[str, dict[str, Path]]:
    """Arm -> seed -> file of verified attempts; the seed is "" for an arm without seeds."""
    table = _table(run / "self_correction.csv")
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


def _table(file: Path) -> pd.DataFrame:
    content = _content(file)
    try:
        table = pd.read_csv(io.BytesIO(content))
    except ValueError as error:
        raise ValueError(f"{file} can't be read as CSV: {error}. Make it again.") from None
    if missing := [name for name in ("policy", "seeds") if name not in table]:
        raise ValueError(
            f"{file} lacks the columns {missing}; expected a results table. Make it again."
        )
    return table


def _content(file: Path) -> bytes:
    if not file.is_file():
        raise ValueError(f"{file}: no such file; expected a finished run. Finish it first.")
    return file.read_bytes()


def main(arguments: list[str] | None = None) -> None:
    runs = words("folders of results", nargs="+", type=Path)
    flags = COMMAND.flags(arguments, output="folder to write", runs=runs)
    with COMMAND.errors():
        attempts = pooled_attempts(flags.runs)
    draw("comparing the policies of all runs")
    first, output = flags.runs[0], Path(flags.output)
    table = ["--budgets", first / "budgets.json"]
    table += ["--csv", output / "self_correction.csv", "--markdown", output / "self_correction.md"]
    table += ["--pairs-csv", output / "pairs.csv", "--pairs-markdown", output / "pairs.md"]
    compare.main([*map(str, table), "--attempts", *attempts])
    draw("testing the claims")
    tested = ["--settings", first / "claims_settings.json"]
    tested += ["--markdown", output / "claims.md", "--json", output / "claims.json"]
    scaling = [run / "analyses/scaling.csv" for run in flags.runs]
    tested += ["--scaling", *scaling] if all(map(Path.is_file, scaling)) else []
    claims.main([*map(str, tested), "--attempts", *attempts])


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
