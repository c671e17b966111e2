"""What the commands of all analyses share: their flags, and the table and the figure they write."""

import argparse
from collections.abc import Callable, Sequence

import pandas as pd

from score.analyses.figures import look, save
from score.comparison.instances import instance_values, read_attempts
from score.files.atomic import replace_file
from score.jobs.command import Command, optional, several

ATTEMPTS = {
    "attempts": several("arm/seed=attempts.parquet ..."),
    "bootstrap_samples": optional("resamples behind intervals", type=int, default=2000),
    "bootstrap_seed": optional("seed of the resamples", type=int, default=0),
}


def analyse(
    command: Command,
    arguments: list[str] | None,
    make_table: Callable[[argparse.Namespace], pd.DataFrame],
    plot: Callable,
    **flags: str | dict,
) -> None:
    """Run the command of an analysis: its flags, its table as CSV, and the figure of that.

    make_table: flags -> table; its ValueError ends the command with one line. plot: (table, all
    arms of the run, or None) -> figure. flags: beside those that all analyses have. The CSV has six
    significant digits; an empty cell is a quantity that does not exist.
    """
    parsed = command.flags(
        arguments,
        arms=optional("all arms of the run: each keeps its colour", nargs="+"),
        csv="table to write, fractions",
        figure="PNG to write",
        **flags,
    )
    with command.errors():
        table = make_table(parsed)
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    replace_file(parsed.csv, text.encode())
    with look():
        save(parsed.figure, plot(table, parsed.arms))


def analyse_attempts(
    command: Command,
    arguments: list[str] | None,
    table_of: Callable[..., pd.DataFrame],
    plot: Callable,
    *columns: str,
    if_present: Sequence[str] = (),
) -> None:
    """The same for an analysis that reads nothing but attempts.

    table_of: (instance -> attempts, samples, seed) -> table. columns, if_present: see `read_attempts`.
    """

    def make_table(flags: argparse.Namespace) -> pd.DataFrame:
        attempts = attempts_of("--attempts", flags.attempts, *columns, if_present=if_present)
        return table_of(attempts, **resampling(flags))

    analyse(command, arguments, make_table, plot, **ATTEMPTS)


def attempts_of(
    flag: str, pairs: list[str] | None, *columns: str, if_present: Sequence[str] = ()
) -> dict[str, pd.DataFrame]:
    """Instance -> its verified attempts, of the `instance=path` arguments of a flag."""
    paths = instance_values(flag, pairs).items()
    return {name: read_attempts(name, path, columns, if_present) for name, path in paths}


def resampling(flags: argparse.Namespace) -> dict[str, int]:
    """The arguments `samples` and `seed` of a table with intervals."""
    return {"samples": flags.bootstrap_samples, "seed": flags.bootstrap_seed}
