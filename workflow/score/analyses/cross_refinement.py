"""Cross-refinement: the first attempts of each policy, corrected by each policy.

    python -m score.analyses.cross_refinement \\
        --own base=base/attempts.parquet score/seed0=score/seed0/attempts.parquet \\
        --crossed score/seed0:base=….parquet base:score/seed0=….parquet \\
        --csv cross_refinement.csv --markdown cross_refinement.md --figure cross_refinement.png

A matrix with a row for whose first attempts they are and a column for who corrects them. Its diagonal is
each policy's own evaluation, at the same problems. In a row first attempts are equal, so that policies
differ in their corrections alone; in a column the corrector is. --crossed names corrector:source. Where
both have seeds, first attempts and corrections are of the same one. All policies of a run have base's
tokenizer and prompts, so that the token ids of a first attempt mean the same to each.
"""

import itertools

import pandas as pd
from matplotlib.patches import Rectangle

from score.analyses.command import analysis_flags, write_analysis
from score.analyses.figures import legend, panels, patch_key
from score.analyses.intervals import estimate, outcomes
from score.comparison.instances import arm_of, read_attempts
from score.comparison.tables import HOW_SURE, interval, markdown_table, points, write_page
from score.evaluation.metrics import ENDS
from score.jobs.command import Command, several

COMMAND = Command(__spec__, __doc__)
PAIR = ("first_attempts", "corrected_by")
SHOWN = {
    "accuracy_t2": "Accuracy@t2 (%)",
    "delta": "Δ(t1,t2) (points)",
    "incorrect_to_correct": "Δ i→c (% of problems)",
    "correct_to_incorrect": "Δ c→i (% of problems)",
}
TITLES = SHOWN | {"difference": "Accuracy@t2 minus that of own corrections (points)"}
SIGNED = ("delta", "difference")
EXPLANATION = (
    "Rows: whose first attempts. Columns: who corrects them. 95 % intervals. On the diagonal a policy "
    "corrects its own, as in the results table but at the problems of this analysis. The last matrix "
    "compares each correction, problem by problem, with that by the owner of the first attempts. "
)


def cross_table(own: dict[str, pd.DataFrame], crossed: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a source of first attempts and corrector (arms): RATES and `difference`, with intervals.

    own: instance -> verified attempts. crossed: `corrector:source` -> verified corrections of the
    source's first attempts, all of the same problems. difference: of Accuracy@t2, minus that of the
    source's own corrections. ValueError where first attempts are not those of `own`.
    """
    mine = {name: outcomes(attempts) for name, attempts in own.items()}
    cells: dict[tuple[str, str], list[pd.DataFrame]] = {}
    problems = None
    for name, attempts in crossed.items():
        corrector, _, source = name.partition(":")
        theirs = outcomes(attempts)
        problems = theirs.index if problems is None else problems
        _check_first_attempts(name, theirs, mine.get(source), source)
        differing = theirs["accuracy_t2"] - mine[source].loc[theirs.index, "accuracy_t2"]
        cell = theirs.assign(difference=differing)
        cells.setdefault((arm_of(source), arm_of(corrector)), []).append(cell)
    for name, rates in mine.items():
        cell = rates.loc[problems].assign(difference=0.0)
        cells.setdefault((arm_of(name), arm_of(name)), []).append(cell)
    arms = list(dict.fromkeys(map(arm_of, own)))
    rows = []
    for pair in itertools.product(arms, arms):
        found = estimate(cells[pair])
        if pair[0] == pair[1]:  # 0 by definition, so nothing of it is uncertain
            found |= dict.fromkeys((f"difference{end}" for end in ENDS), 0.0)
        rows.append({**dict(zip(PAIR, pair, strict=True)), **found})
    return pd.DataFrame(rows)


def _check_first_attempts(name: str, theirs: pd.DataFrame, mine, source: str) -> None:
    if mine is None:
        raise ValueError(f"--crossed holds {name!r} and --own no {source!r}; expected it. Add it.")
    known = theirs.index.isin(mine.index).all()
    if not known or (theirs["accuracy_t1"] != mine.loc[theirs.index, "accuracy_t1"]).any():
        raise ValueError(
            f"first attempts in {name!r} are not those of {source!r}; expected the same verdicts on "
            "the same problems. Sample and verify these corrections again."
        )


def matrices(table: pd.DataFrame, name: str) -> list[pd.DataFrame]:
    """A quantity, its lower and its upper end: matrices (source, corrector) in the table's order."""
    arms = list(dict.fromkeys(table["first_attempts"]))
    by_cell = table.set_index(list(PAIR))
    return [by_cell[f"{name}{end}"].unstack().loc[arms, arms] for end in ENDS]


def markdown_text(table: pd.DataFrame) -> str:
    """A matrix a quantity, cells with intervals."""
    count = f"{table['num_problems'].iloc[0]} problems"
    seeds = int(table["num_seeds"].max())
    blocks = ["# Cross-refinement", f"{EXPLANATION}{count}, {seeds} seeds at most. {HOW_SURE}"]
    for name, title in TITLES.items():
        ends = matrices(table, name)
        rows = [["first attempts of ↓ corrected by →", *ends[0].columns]]
        for arm in ends[0].index:
            values = zip(*(end.loc[arm] for end in ends), strict=True)
            rows.append([arm, *(interval(*cell, signed=name in SIGNED) for cell in values)])
        blocks.append(f"## {title}\n\n{markdown_table(rows).rstrip()}")
    return "\n\n".join(blocks) + "\n"


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A matrix a quantity: darker is more, the numbers are written into the cells."""
    size = table["first_attempts"].nunique()
    longest = max(map(len, table["first_attempts"]))
    panel = (0.95 * size + 0.04 * longest + 0.2, 0.42 * size + 0.03 * longest + 0.3)
    title = "Cross-refinement: first attempts of one policy, corrected by another"
    labels = {"x": "corrected by", "y": "first attempts of"}
    figure, axes = panels(len(SHOWN), title, most=2, size=panel, sharex=True, sharey=True, **labels)
    for axis, (name, heading) in zip(axes, SHOWN.items(), strict=True):
        axis.set_title(heading)
        _draw_matrix(axis, matrices(table, name), signed=name in SIGNED)
    keys = [patch_key("a policy's own evaluation, at these problems")]
    legend(figure, [*keys, patch_key("in brackets: 95 % interval", framed=False)])
    return figure


def _draw_matrix(axis, ends: list[pd.DataFrame], signed: bool) -> None:
    values, low, high = (100 * end.to_numpy() for end in ends)
    least, most = values.min(), values.max()
    spread = max(most - least, 1.0)
    axis.imshow(
        values, cmap="Blues", vmin=least - 0.1 * spread, vmax=least + 1.5 * spread, aspect="auto"
    )
    for row in range(len(values)):
        for column in range(len(values)):
            text = points(values[row, column], signed)
            ends_text = ", ".join(points(end[row, column], signed) for end in (low, high))
            axis.text(column, row - 0.12, text, ha="center", va="center", fontsize=8.5)
            axis.text(column, row + 0.2, f"[{ends_text}]", ha="center", va="center", fontsize=6.5)
        frame = (row - 0.48, row - 0.48), 0.96, 0.96
        axis.add_patch(Rectangle(*frame, fill=False, ec="black", lw=1.1))
    names = list(ends[0].index)
    axis.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(names)), names)
    axis.grid(visible=False)
    axis.tick_params(length=0)


def main(arguments: list[str] | None = None) -> None:
    flags = analysis_flags(
        COMMAND,
        arguments,
        own=several("arm/seed=attempts.parquet ... of first attempts and own corrections"),
        crossed=several("corrector:source=attempts.parquet ..., each an arm/seed"),
        markdown="matrices of percents to write",
    )
    with COMMAND.errors():
        own = read_attempts("--own", flags.own, ["correct"])
        table = cross_table(own, read_attempts("--crossed", flags.crossed, ["correct"]))
    write_page(flags.markdown, markdown_text(table))
    write_analysis(flags, table, plot)


if __name__ == "__main__":
    COMMAND.run(main)
