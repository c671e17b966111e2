"""What the commands of all analyses share: their flags, and the table and the figure they write."""

from argparse import Namespace
from collections.abc import Callable, Sequence

import pandas as pd

from score.analyses.figures import write_figure
from score.comparison.instances import read_attempts
from score.files.atomic import replace_file
from score.files.visible import in_cell
from score.jobs.command import Command, optional, several

ATTEMPTS = {"attempts": several("arm/seed=attempts.parquet ...")}


def analyse_attempts(
    command: Command,
    arguments: list[str] | None,
    table_of: Callable[..., pd.DataFrame],
    plot: Callable,
    columns: Sequence[str],
    if_present: Sequence[str] = (),
) -> None:
    """The whole command of an analysis that reads nothing but verified attempts.

    table_of: (instance -> attempts) -> table. plot: see `write_analysis`. columns,
    if_present: see `read_attempts`.
    """
    flags = analysis_flags(command, arguments, **ATTEMPTS)
    with command.errors():
        attempts = read_attempts("--attempts", flags.attempts, columns, if_present)
        table = table_of(attempts)
    write_analysis(flags, table, plot)


def analysis_flags(command: Command, arguments: list[str] | None, **flags: str | dict) -> Namespace:
    """The flags of a command: those that all analyses have, and its own."""
    return command.flags(
        arguments,
        arms=optional("all arms of the run: each keeps its colour", nargs="+"),
        csv="table to write, fractions",
        figure="PNG to write",
        **flags,
    )


def write_analysis(flags: Namespace, table: pd.DataFrame, plot: Callable) -> None:
    """Write the table as CSV and its figure as PNG.

    plot: (table, all arms of the run or None) -> figure. The CSV has six significant digits; an empty
    cell is a quantity that does not exist.
    """
    text = table.map(in_cell).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    replace_file(flags.csv, text.encode())
    write_figure(flags.figure, lambda: plot(table, flags.arms))
