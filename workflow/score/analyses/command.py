"""The commands of the analyses: the flags they share, and the table and the figure they leave."""

import argparse
import sys
from collections.abc import Callable

import pandas as pd

from score.analyses.figures import look, save
from score.analyses.instances import read_attempts
from score.files.atomic import replace_file


def analyse_attempts(
    command: str,
    description: str,
    table_of: Callable[..., pd.DataFrame],
    plot: Callable,
    arguments: list[str] | None,
    *,
    needed: tuple[str, ...],
    optional: tuple[str, ...] = (),
) -> None:
    """The whole command of an analysis that reads nothing but judged attempts.

    table_of: (attempts by instance, samples, seed) -> table. needed, optional: see `read_attempts`.
    """
    parser = analysis_parser(command, description)
    add_attempts_flags(parser)
    flags = parser.parse_args(arguments)
    try:
        attempts = read_attempts("--attempts", flags.attempts, needed, optional)
        table = table_of(attempts, samples=flags.bootstrap_samples, seed=flags.bootstrap_seed)
    except ValueError as error:
        sys.exit(f"{command}: {error}")
    write_analysis(flags, table, plot)


def analysis_parser(command: str, description: str) -> argparse.ArgumentParser:
    """The flags that all analyses share; `description` is the docstring of the command's module."""
    parser = argparse.ArgumentParser(
        prog=f"python -m score.{command}", description=description.partition("\n")[0]
    )
    parser.add_argument("--arms", nargs="+", help="all arms of the run: each keeps its colour")
    parser.add_argument("--csv", required=True, help="table to write, fractions")
    parser.add_argument("--figure", required=True, help="PNG to write")
    return parser


def add_attempts_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--attempts", required=True, nargs="+", help="policy/seed=attempts.parquet ..."
    )
    parser.add_argument("--bootstrap-samples", type=int, default=2000, help="behind intervals")
    parser.add_argument("--bootstrap-seed", type=int, default=0)


def write_analysis(flags: argparse.Namespace, table: pd.DataFrame, plot: Callable) -> None:
    """Leave the table, and the figure of it, where the flags say.

    The CSV has six significant digits; an empty cell is a quantity that does not exist.
    """
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    replace_file(flags.csv, text.encode())
    with look():
        save(flags.figure, plot(table, flags.arms))
