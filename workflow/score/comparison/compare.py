"""Compare policies: the self-correction table of a run, a row an arm, and the table of its pairs.

    python -m score.comparison.compare --settings settings.json \
        --attempts base=base/attempts.parquet score/seed0=score/seed0/attempts.parquet ... \
        --csv self_correction.csv --markdown self_correction.md \
        --pairs-csv pairs.csv --pairs-markdown pairs.md

Rows come in the given order. The CSVs hold fractions, the markdown percents with intervals.
"""

import argparse
import csv
import io
import itertools
import sys

from score.comparison.bootstrap import Resamples
from score.comparison.outcomes import SPENT, Arm, read_arms, read_budgets
from score.comparison.settings import IntervalSettings
from score.comparison.significance import holm, mcnemar_p, p_different
from score.comparison.tables import interval, markdown_table, p_text
from score.evaluation.metrics import ENDS, RATES
from score.files.atomic import replace_file

HEADINGS = ("Accuracy@t1", "Accuracy@t2", "Δ(t1,t2)", "Δ i→c", "Δ c→i")
SIGNED = "delta"
COLUMNS = (
    "num_problems",
    *(f"{rate}{end}" for rate in RATES for end in ENDS),
    "seeds",
    "mcnemar_p",
)
BUDGET = dict(zip(SPENT, ("training_attempts", "updates", "tuning_attempts"), strict=True))
COMPARED = {"accuracy_t2": "Accuracy@t2", "delta": "Δ(t1,t2)"}
PAIR_COLUMNS = tuple(f"{rate}{part}" for rate in COMPARED for part in (*ENDS, "_p", "_p_holm"))
RATES_EXPLAINED = (
    "Percent of all problems. Accuracy@t1 and @t2: right in attempt 1 and 2. Δ(t1,t2): the "
    "difference, which is Δ i→c (wrong, then right) minus Δ c→i (right, then wrong). "
)
EXPLANATION = (
    "Mean over seeds. In brackets: 95 % paired bootstrap interval over problems and, of arms with "
    "several, seeds, or whole runs where runs are pooled. p: McNemar's test of Δ = 0, exact where "
    "a problem has one rollout; of several seeds the largest, so a small p says that every seed "
    "shows the change. One seed tells nothing of how trainings differ, two or three tell it roughly."
)
BUDGET_EXPLAINED = (
    " Training attempts and updates: sampled and made by one training and those that it starts "
    "from; blank where they depend on what it finds. Tuning attempts: sampled before that to choose "
    "its settings."
)
PAIRS_EXPLAINED = (
    "First arm minus second, in points, with the 95 % paired bootstrap interval over problems and "
    "seeds. p: two-sided, from the difference over its standard error; then Holm-corrected over "
    "all pairs and both measures."
)


def table_rows(arms: list[Arm], resamples: Resamples, budgets: dict | None = None) -> list[dict]:
    """One row of `policy`, COLUMNS and, with budgets, their columns for each arm."""
    rows = []
    for arm in arms:
        row = {"policy": arm.name, "num_problems": resamples.num_problems}
        for rate in RATES:
            row |= _ends(rate, resamples.rate(rate, arm.name))
        row |= {"seeds": len(arm.seeds), "mcnemar_p": mcnemar_p(arm)}
        if budgets is not None:
            spent = budgets.get(arm.name, {})
            row |= {column: spent.get(key) for key, column in BUDGET.items()}
        rows.append(row)
    return rows


def pair_rows(arms: list[Arm], resamples: Resamples) -> list[dict]:
    """One row of `policy`, `other` and PAIR_COLUMNS for each two arms, in order."""
    rows = []
    for arm, other in itertools.combinations([arm.name for arm in arms], 2):
        row = {"policy": arm, "other": other}
        for rate in COMPARED:
            effect = resamples.difference(rate, arm, other)
            row |= {**_ends(rate, effect), f"{rate}_p": p_different(effect)}
        rows.append(row)
    cells = [(row, rate) for row in rows for rate in COMPARED]
    corrected = holm([row[f"{rate}_p"] for row, rate in cells])
    for (row, rate), p in zip(cells, corrected, strict=True):
        row[f"{rate}_p_holm"] = p
    return rows


def _ends(rate: str, effect) -> dict:
    return {f"{rate}{end}": float(value) for end, value in zip(ENDS, effect, strict=False)}


def csv_text(rows: list[dict], columns) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def markdown_text(rows: list[dict]) -> str:
    """The table as markdown: percent with one decimal and intervals, then what it means."""
    spent = [name for name in BUDGET.values() if any(row.get(name) for row in rows)]
    headings = [column.replace("_", " ") for column in spent]
    cells = [["policy", "problems", "seeds", *HEADINGS, "p", *headings]]
    for row in rows:
        counts = [row["policy"], str(row["num_problems"]), str(row["seeds"])]
        rates = [_cell(row, rate, rate == SIGNED) for rate in RATES]
        budget = ["" if row[column] is None else f"{row[column]:,.0f}" for column in spent]
        cells.append([*counts, *rates, p_text(row["mcnemar_p"]), *budget])
    explained = RATES_EXPLAINED + EXPLANATION
    return f"{markdown_table(cells)}\n{explained}{BUDGET_EXPLAINED if spent else ''}\n"


def pairs_markdown_text(rows: list[dict]) -> str:
    """The pairs as markdown, then what the numbers mean."""
    cells = [["policy", "minus"]]
    for heading in COMPARED.values():
        cells[0] += [heading, "p", "corrected p"]
    for row in rows:
        cells.append([row["policy"], row["other"]])
        for rate in COMPARED:
            ps = [p_text(row[f"{rate}{part}"]) for part in ("_p", "_p_holm")]
            cells[-1] += [_cell(row, rate, signed=True), *ps]
    return f"{markdown_table(cells)}\n{PAIRS_EXPLAINED}\n"


def _cell(row: dict, rate: str, signed: bool) -> str:
    return interval(*(row[f"{rate}{end}"] for end in ENDS), signed=signed)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.comparison.compare", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--settings", required=True, help="JSON file of IntervalSettings")
    parser.add_argument("--attempts", required=True, nargs="+", help="arm/seed=parquet file ...")
    parser.add_argument("--budgets", help="JSON file: arm -> attempts, updates, tuning_attempts")
    parser.add_argument("--csv", required=True, help="table of fractions to write")
    parser.add_argument("--markdown", required=True, help="table of percents to write")
    parser.add_argument("--pairs-csv", required=True, help="differences of fractions to write")
    parser.add_argument("--pairs-markdown", required=True, help="differences in points to write")
    flags = parser.parse_args(arguments)
    try:
        settings = IntervalSettings.read(flags.settings)
        arms = read_arms(flags.attempts)
        budgets = None if flags.budgets is None else read_budgets(flags.budgets)
        resamples = Resamples(arms, settings.bootstrap_samples, settings.bootstrap_seed)
    except ValueError as error:
        sys.exit(f"compare: {error}")
    rows, pairs = table_rows(arms, resamples, budgets), pair_rows(arms, resamples)
    markdown = markdown_text(rows)
    pair_columns = ("policy", "other", *PAIR_COLUMNS)
    replace_file(flags.csv, csv_text(rows, rows[0]).encode())
    replace_file(flags.markdown, markdown.encode())
    replace_file(flags.pairs_csv, csv_text(pairs, pair_columns).encode())
    replace_file(flags.pairs_markdown, pairs_markdown_text(pairs).encode())
    sys.stdout.buffer.write(markdown.encode())


if __name__ == "__main__":
    main()
