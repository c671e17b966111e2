"""Put a run's table beside the rows that were published for the same methods.

    python -m score.comparison.paper --csv self_correction.csv --published data/published_rows.csv \\
        --run run.json --markdown paper_comparison.md --pass-at-k pass_at_k.csv

Levels can't be compared, since models, problems and ways of sampling differ. The signs of changes and
the order of methods can.
"""

import itertools
import math
import re

import pandas as pd

from score.comparison.settings import RunDescription
from score.comparison.tables import interval, markdown_table, points, write_page
from score.evaluation.metrics import ENDS, RATES
from score.files.visible import in_markdown
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)
GROUP = ["source", "model", "dataset", "protocol"]
TEXTS = [*GROUP, "read", "training", "row", "method"]
PUBLISHED = ["t1", "t2", "t3", "delta", "i_to_c", "c_to_i"]
OURS = dict(zip(("t1", "t2", "delta", "i_to_c", "c_to_i"), RATES, strict=True))  # in --csv
PASSES = ("attempt_1", "attempt_2", "difference")  # in --pass-at-k
HEADINGS = ("row", "model", "dataset", "protocol", "training", "problems", "read in")
RATE_HEADINGS = ("Acc@t1", "Acc@t2", "Acc@t3", "Δ(t1,t2)", "Δ i→c", "Δ c→i")
INTRODUCTION = (
    "Percent; this run's rows with 95 % intervals. The rows of a block come from different models, "
    "problems and ways of sampling, so their levels are not comparable: only signs, and the order "
    "of methods within one source and protocol, are. Protocol: how attempts were sampled and counted. "
    "A pass@k, right in any of k samples, is no accuracy, and neither is a mean of samples a greedy "
    "one. Read in: where a number was seen; second hand is elsewhere than in the source's own text. "
    "Published rows are few problems of one training: at 500, the standard error is about 2.2 points "
    "on an accuracy and 1.2 on Δ."
)
ORDER_EXPLAINED = (
    "Signs: methods whose Δ has the published sign. Orders: pairs of methods whose Accuracy@t2 is "
    "ordered as published; this run's are those of its results table, whatever the published "
    "protocol. Both compare point estimates, and a published Δ or difference of 0, or an "
    "accuracy that was not published, counts as neither."
)


def read_table(path, needed: list[str]) -> pd.DataFrame:
    """A CSV file as it is. ValueError where it can't be read or lacks one of the `needed` columns."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"table {path} can't be read as CSV: {error}.") from None
    missing = [name for name in needed if name not in table]
    if missing:
        raise ValueError(f"columns of {path} are {list(table)}; expected also {missing}.")
    return table


def read_published(path) -> pd.DataFrame:
    """Published rows, rates in percent; a delta that was not published is t2 - t1.

    ValueError for a missing column, and for a row whose published delta is not t2 - t1.
    """
    table = read_table(path, [*TEXTS, "problems", *PUBLISHED])
    table[TEXTS] = table[TEXTS].fillna("")
    difference = (table["t2"] - table["t1"]).round(1)
    wrong = (table["delta"] - difference).abs() > 0.05  # False where there is none
    if wrong.any():
        row = table[wrong].iloc[0]
        raise ValueError(
            f"{path}: delta of {row['row']!r}, {row['model']}, is {row['delta']}; expected "
            f"t2 - t1 = {difference[wrong].iloc[0]}. Look it up again."
        )
    table["delta"] = table["delta"].fillna(difference)
    return table


def markdown_text(
    table: pd.DataFrame,
    published: pd.DataFrame,
    run: RunDescription,
    passes: pd.DataFrame | None = None,
) -> str:
    """A block for each arm of the run that has published rows, then signs and orders.

    table: the run's self_correction.csv, indexed by policy. passes: its pass_at_k.csv, from which a
    published pass@k gets a row of its own kind beside it.
    """
    blocks = []
    for arm in table.index:
        theirs = published[published["method"] == arm]
        if not theirs.empty:
            rows = [[*HEADINGS, *RATE_HEADINGS], _our_cells(arm, table.loc[arm], run)]
            if passes is not None:
                rows += _our_passes(passes[passes["arm"] == arm], theirs["protocol"], run)
            rows += [_their_cells(row) for _, row in theirs.iterrows()]
            blocks.append(f"## {in_markdown(arm)}\n\n{markdown_table(rows)}")
    if not blocks:
        blocks.append("No policy of this run has published rows.\n")
    else:
        blocks.append(_signs_and_orders(table, published))
    return "\n".join(["# This run beside published rows", "", f"{INTRODUCTION}\n", *blocks])


def _our_cells(arm: str, row: pd.Series, run: RunDescription) -> list[str]:
    seeds = f", {row['seeds']:.0f} seeds" if row["seeds"] > 1 else ""
    cells = [f"this run: {arm}{seeds}", run.model_path, run.dataset, run.protocol, ""]
    cells += [f"{row['num_problems']:.0f}", ""]
    for rate in PUBLISHED:
        ends = [row[f"{OURS[rate]}{end}"] for end in ENDS] if rate in OURS else []
        cells.append(interval(*ends, signed=rate == "delta") if ends else "")
    return cells


def _our_passes(passes: pd.DataFrame, protocols: pd.Series, run: RunDescription) -> list[list[str]]:
    """This run's pass@k of an arm, for each k of which a published row is a pass@k."""
    found = {int(match[1]) for match in map(re.compile(r"pass@(\d+)\b").match, protocols) if match}
    rows = []
    for _, row in passes[passes["k"].isin(found)].iterrows():
        seeds = f", {row['num_seeds']} seeds" if row["num_seeds"] > 1 else ""
        how = f"pass@{row['k']} of {row['samples']} at T {run.pass_at_k_temperature:g}"
        first, second, delta = ([row[f"{name}{end}"] for end in ENDS] for name in PASSES)
        rates = [interval(*first), interval(*second), "", interval(*delta, signed=True), "", ""]
        cells = [f"this run: {row['arm']}{seeds}", run.model_path, run.dataset, how, ""]
        rows.append([*cells, str(row["num_problems"]), "", *rates])
    return rows


def _their_cells(row: pd.Series) -> list[str]:
    problems = "not stated" if math.isnan(row["problems"]) else f"{row['problems']:.0f}"
    name = f"{row['row']} ({row['source']})"
    rates = ["" if math.isnan(row[r]) else points(row[r], signed=r == "delta") for r in PUBLISHED]
    how = [row[key] for key in ("model", "dataset", "protocol", "training")]
    return [name, *how, problems, row["read"], *rates]


def _signs_and_orders(table: pd.DataFrame, published: pd.DataFrame) -> str:
    rows = [[*GROUP, "methods", "signs of Δ", "orders of Acc@t2"]]
    shared = published[published["method"].isin(table.index)]
    for group, theirs in shared.groupby(GROUP, sort=False):
        theirs = theirs.set_index("method")
        ours = table.loc[theirs.index]
        signs = list(zip(theirs["delta"], ours["delta"], strict=True))
        pairs = itertools.combinations(zip(theirs["t2"], ours["accuracy_t2"], strict=True), 2)
        orders = [(round(a[0] - b[0], 1), a[1] - b[1]) for a, b in pairs]
        rows.append([*group, ", ".join(theirs.index), _agreeing(signs), _agreeing(orders)])
    return f"## Signs and orders\n\n{markdown_table(rows)}\n{ORDER_EXPLAINED}\n"


def _agreeing(pairs: list[tuple[float, float]]) -> str:
    """`2 of 3` pairs have one sign, of those whose first is a number and not 0."""
    same = [theirs * ours > 0 for theirs, ours in pairs if theirs and not math.isnan(theirs)]
    return f"{sum(same)} of {len(same)}"


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(
        arguments,
        csv="table of score.comparison.compare",
        published="CSV of published rows, in percent",
        run="JSON file of RunDescription",
        pass_at_k=optional("table of score.analyses.pass_at_k"),
        markdown="page to write",
    )
    with COMMAND.errors():
        columns = [f"{rate}{end}" for rate in OURS.values() for end in ENDS]
        table = read_table(flags.csv, ["policy", "num_problems", "seeds", *columns])
        published = read_published(flags.published)
        run, passes = RunDescription.read(flags.run), None
        if flags.pass_at_k is not None:
            ends = [f"{name}{end}" for name in PASSES for end in ENDS]
            sizes = ["arm", "k", "samples", "num_problems", "num_seeds"]
            passes = read_table(flags.pass_at_k, [*sizes, *ends])
    write_page(flags.markdown, markdown_text(table.set_index("policy"), published, run, passes))


if __name__ == "__main__":
    COMMAND.run(main)
