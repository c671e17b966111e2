"""Accuracy in training by the tokens that were sampled for it.

    python -m score.analyses.token_budget --records score_stage_one/seed0=…/training.jsonl \\
        score/seed0=…/training.jsonl --chain score/seed0=score_stage_one/seed0 \\
        --csv token_budget.csv --figure token_budget.png

Methods differ in how many attempts, critiques and tokens an update takes, so updates and attempts are no
common measure of what they cost. Tokens are those that training sampled, from the start of the first
policy in a chain. Validation is not among them, nor what was sampled ahead of a training (offline first
attempts) or for a fine-tuning that it starts from; the analysis `cost` has an estimate of all.
"""

import pandas as pd
from matplotlib.artist import Artist

from score.analyses.cost import COUNTED, unit_of
from score.analyses.curves import SMOOTHED, analyse_records, draw_curve, started_from
from score.analyses.figures import arm_styles, band_key, legend, line_key, panels
from score.comparison.instances import arm_of
from score.jobs.command import Command

COMMAND = Command(__spec__, __doc__)
KINDS = {"reward": "score in training (%)", "validation_accuracy": "right in validation (%)"}


def token_budget(records: dict[str, pd.DataFrame], chain: dict[str, str]) -> pd.DataFrame:
    """One row an arm and update: `tokens` sampled so far, and KINDS of each turn.

    records: instance -> one row an update, with sampled_tokens. chain: instance -> the instance it
    starts from. Means over seeds, of what is right also `_min` and `_max`. ValueError for records
    without sampled_tokens, and where a chain leads to an instance without records.
    """
    if old := [instance for instance, frame in records.items() if "sampled_tokens" not in frame]:
        raise ValueError(
            f"records of {', '.join(map(repr, old))} lack sampled_tokens; expected it in every update. "
            "Train these policies again, or leave them out."
        )
    parts = []
    for instance, frame in records.items():
        before = started_from(instance, records, chain)
        tokens = sum(records[name]["sampled_tokens"].sum() for name in before)
        values = frame[["step", *_names(frame)]].assign(arm=arm_of(instance))
        parts.append(values.assign(tokens=tokens + frame["sampled_tokens"].cumsum()))
    joined = pd.concat(parts)
    grouped = joined.groupby(["arm", "step"], sort=False)
    table = grouped.size().rename("num_seeds").to_frame().assign(tokens=grouped["tokens"].mean())
    for name in _names(joined):
        table[name] = grouped[name].mean()
        table[f"{name}_min"], table[f"{name}_max"] = grouped[name].min(), grouped[name].max()
    return table.reset_index()


def _names(frame: pd.DataFrame) -> list[str]:
    """Columns of KINDS, turn by turn."""
    starts = [f"{kind}_t" for kind in KINDS]
    return sorted(c for c in frame if any(c.removeprefix(s).isdecimal() for s in starts if s in c))


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel a kind and turn, a line an arm, over the tokens sampled so far."""
    unit, word = unit_of(COUNTED, table["tokens"].max())
    table = table.assign(tokens=table["tokens"] / unit)
    styles = arm_styles(arms, table["arm"])
    names = [name for name in _names(table) if table[name].notna().any()]
    title = (
        "Accuracy by the tokens sampled in training: means over seeds, smoothed over "
        f"1/{SMOOTHED} of a policy's updates"
    )
    label = f"tokens sampled ({word.strip(', ')})" if word else "tokens sampled"
    figure, axes = panels(len(names), title, most=2, size=(4.0, 3.4), x=label, sharex=True)
    for axis, name in zip(axes, names, strict=True):
        kind, _, turn = name.rpartition("_t")
        axis.set_title(f"{KINDS[kind]}, turn {turn}")
        for arm, style in styles.items():
            draw_curve(axis, table[table["arm"] == arm], name, 100, style, x="tokens")
        axis.set_xlim(left=0)
    keys: list[Artist] = [line_key(arm, style.colour, style.dash) for arm, style in styles.items()]
    if table["num_seeds"].max() > 1:
        keys.append(band_key("range over seeds"))
    legend(figure, keys)
    return figure


def main(arguments: list[str] | None = None) -> None:
    analyse_records(COMMAND, arguments, token_budget, plot)


if __name__ == "__main__":
    COMMAND.run(main)
