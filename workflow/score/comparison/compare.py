"""Compare policies: the self-correction table of a run, a row an arm, and the table of its pairs.

    python -m score.comparison.compare \\
        --attempts base=base/attempts.parquet score/seed0=score/seed0/attempts.parquet ... \\
        --csv self_correction.csv --markdown self_correction.md \\
        --pairs-csv pairs.csv --pairs-markdown pairs.md

Rows come in the given order. The CSVs hold fractions, the markdown percents with intervals.
"""

import itertools
import json

from score.comparison.effects import Effects
from score.comparison.instances import check_made_with
from score.comparison.outcomes import SPENT, Arm, read_arms, read_budgets
from score.comparison.significance import delta_p, holm, p_different
from score.comparison.tables import HOW_SURE, csv_text, interval, markdown_table, p_text, write_page
from score.comparison.uncertainty import Effect
from score.evaluation.metrics import ENDS, RATES
from score.files.atomic import replace_file
from score.jobs.command import Command, optional, several

COMMAND = Command(__spec__, __doc__)
HEADINGS = ("Accuracy@t1", "Accuracy@t2", "Δ(t1,t2)", "Δ i→c", "Δ c→i")
RATE_COLUMNS = tuple(f"{rate}{end}" for rate in RATES for end in ENDS)
COLUMNS = ("num_problems", *RATE_COLUMNS, "seeds", "delta_p")
BUDGET = dict(
    zip(SPENT, ("training_attempts", "updates", "tuning_attempts", "training_tokens"), strict=True)
)
COMPARED = {"accuracy_t2": "Accuracy@t2", "delta": "Δ(t1,t2)"}
PAIR_COLUMNS = tuple(f"{rate}{part}" for rate in COMPARED for part in (*ENDS, "_p", "_p_holm"))
EXPLANATION = (
    "Percent of all problems. Accuracy@t1 and @t2: right in attempt 1 and 2. Δ(t1,t2): the "
    "difference, which is Δ i→c (wrong, then right) minus Δ c→i (right, then wrong). "
    "Mean over seeds. In brackets: 95 % interval. p: two-sided, of the hypothesis Δ = 0; of one seed "
    f"with one rollout a problem McNemar's exact test. {HOW_SURE}"
)
BUDGET_EXPLAINED = (
    " Training attempts and updates: sampled and made by one training and those that it starts "
    "from; blank where they depend on what it finds. Tuning attempts: of the candidates that chose "
    "its settings. Training tokens: as many are sampled before they end, where that was set."
)
PAIRS_EXPLAINED = (
    "First arm minus second, in points, with its 95 % interval, compared problem by problem and, "
    "where both arms have the same seeds, seed by seed. p: two-sided, of no difference; then "
    f"Holm-corrected over all pairs and both measures. {HOW_SURE}"
)


def table_rows(arms: list[Arm], effects: Effects, budgets: dict | None = None) -> list[dict]:
    """One row for each arm: `policy`, COLUMNS as fractions and, with budgets, what training took.

    budgets: arm -> SPENT, see `read_budgets`; an arm that is not in it has empty cells.
    """
    rows = []
    for arm in arms:
        row = {"policy": arm.name, "num_problems": effects.num_problems}
        for rate in RATES:
            row |= _ends(rate, effects.rate(rate, arm.name))
        p = delta_p(arm, effects.rate("delta", arm.name))
        row |= {"seeds": len(arm.seeds), "delta_p": p}
        if budgets is not None:
            spent = budgets.get(arm.name, {})
            row |= {column: spent.get(key) for key, column in BUDGET.items()}
        rows.append(row)
    return rows


def pair_rows(arms: list[Arm], effects: Effects) -> list[dict]:
    """One row for each two arms: `policy`, `other` and PAIR_COLUMNS, `policy` minus `other`."""
    rows = []
    for arm, other in itertools.combinations([arm.name for arm in arms], 2):
        row: dict = {"policy": arm, "other": other}
        for rate in COMPARED:
            effect = effects.difference(rate, arm, other)
            row |= {**_ends(rate, effect), f"{rate}_p": p_different(effect)}
        rows.append(row)
    cells = [(row, rate) for row in rows for rate in COMPARED]
    corrected = holm([row[f"{rate}_p"] for row, rate in cells])
    for (row, rate), p in zip(cells, corrected, strict=True):
        row[f"{rate}_p_holm"] = p
    return rows


def _ends(rate: str, effect: Effect) -> dict:
    ends = (effect.value, effect.low, effect.high)
    return {f"{rate}{end}": float(value) for end, value in zip(ENDS, ends, strict=True)}


def markdown_text(rows: list[dict]) -> str:
    """The table as markdown: percent with one decimal and intervals, then what it means."""
    spent = [name for name in BUDGET.values() if any(row.get(name) for row in rows)]
    headings = [column.replace("_", " ") for column in spent]
    cells = [["policy", "problems", "seeds", *HEADINGS, "p", *headings]]
    for row in rows:
        counts = [row["policy"], str(row["num_problems"]), str(row["seeds"])]
        rates = [_cell(row, rate, signed=rate == "delta") for rate in RATES]
        budget = ["" if row[column] is None else f"{row[column]:,.0f}" for column in spent]
        cells.append([*counts, *rates, p_text(row["delta_p"]), *budget])
    return f"{markdown_table(cells)}\n{EXPLANATION}{BUDGET_EXPLAINED if spent else ''}\n"


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
    flags = COMMAND.flags(
        arguments,
        attempts=several("arm/seed=parquet file ..."),
        made_with=optional("JSON: instance -> job -> digest of the settings of the config"),
        budgets=optional("JSON file: arm -> attempts, updates, tuning_attempts, tokens"),
        csv="table of fractions to write",
        markdown="table of percents to write",
        pairs_csv="differences of fractions to write",
        pairs_markdown="differences in points to write",
    )
    with COMMAND.errors():
        if flags.made_with is not None:
            check_made_with("--attempts", flags.attempts, json.loads(flags.made_with))
        arms = read_arms(flags.attempts)
        budgets = None if flags.budgets is None else read_budgets(flags.budgets)
        effects = Effects(arms)
    rows, pairs = table_rows(arms, effects, budgets), pair_rows(arms, effects)
    replace_file(flags.csv, csv_text(rows, rows[0]).encode())
    replace_file(flags.pairs_csv, csv_text(pairs, ("policy", "other", *PAIR_COLUMNS)).encode())
    replace_file(flags.pairs_markdown, pairs_markdown_text(pairs).encode())
    write_page(flags.markdown, markdown_text(rows))


if __name__ == "__main__":
    COMMAND.run(main)
