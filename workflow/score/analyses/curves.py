"""Training curves: score, KL to the reference, length and entropy of each turn, what changes between
turns, validation, and the health of a training: what it can't learn from, what is cut, how far sampler
and trainer differ.

    python -m score.analyses.curves --records score_stage_one/seed0=…/training.jsonl \\
        score/seed0=…/training.jsonl --chain score/seed0=score_stage_one/seed0 \\
        --csv curves.csv --figure curves.png

A policy's curve continues that of the policy it starts from, which is drawn once.
"""

from collections.abc import Callable

import pandas as pd
from matplotlib.artist import Artist

from score.analyses.command import analysis_flags, write_analysis
from score.analyses.figures import Style, arm_styles, band_key, legend, line_key, notice, panels
from score.comparison.instances import arm_of, instance_values, lineage, read_records
from score.jobs.command import Command, optional, several

COMMAND = Command(__spec__, __doc__)
PER_TURN = {
    "reward": "score of the verifier",
    "validation_accuracy": "right in validation (%)",
    "kl": "KL (nats)",
    "tokens": "tokens",
    "entropy": "entropy",
    "equal_groups": "groups paid alike (%)",
    "no_answer": "no stated answer (%)",
    "truncated": "cut at the limit (%)",
    "second_opinion_differs": "second opinion differs (%)",
}
OF_ALL_TURNS = {
    "answer_change": "answers changed (%)",
    "incorrect_to_correct": "wrong → right (%)",
    "correct_to_incorrect": "right → wrong (%)",
    "right_changed": "right ones changed (%)",
    "wrong_kept": "wrong ones kept (%)",
    "gradient_clipped": "gradient clipped (%)",
    "sampler_gap": "sampler to trainer (nats)",
}
SMOOTHED = 30  # a line is a running mean over one part in so many of its updates
TITLE = "Training, by update"


def curves(records: dict[str, pd.DataFrame], chain: dict[str, str]) -> pd.DataFrame:
    """One row an arm and update: each quantity's mean over seeds, with `_min` and `_max`.

    records: instance -> one row an update. chain: instance -> the instance it starts from. `step`
    counts updates from the arm's own start, `update` from the start of the first policy in its
    chain. Quantities that no policy recorded have no column. ValueError where a chain leads to an
    instance without records.
    """
    parts = []
    for instance, frame in records.items():
        values = _quantities(frame)
        values.insert(0, "arm", arm_of(instance))
        values.insert(1, "update", frame["step"] + _updates_before(instance, records, chain))
        values.insert(2, "step", frame["step"])
        parts.append(values)
    grouped = pd.concat(parts).groupby(["arm", "update", "step"], sort=False)
    table = grouped.size().rename("num_seeds").to_frame()
    for name in sorted(set().union(*parts) - {"arm", "update", "step"}, key=_place):
        table[name] = grouped[name].mean()
        table[f"{name}_min"], table[f"{name}_max"] = grouped[name].min(), grouped[name].max()
    return table.reset_index()


def _updates_before(instance: str, records: dict, chain: dict[str, str]) -> int:
    """Updates of the arms before; of seeds that stopped at different ones the most, so that all of an
    arm start at one place."""
    before = started_from(instance, records, chain)
    last = {name: int(frame["step"].max()) for name, frame in records.items() if len(frame)}
    arms = [arm_of(name) for name in before]
    return sum(max((last[n] for n in last if arm_of(n) == arm), default=0) for arm in arms)


def started_from(instance: str, records: dict, chain: dict[str, str]) -> list[str]:
    """The instances that an instance starts from, oldest first. ValueError for one without records."""
    before = lineage(instance, chain)[:-1]
    for name in before:
        if name not in records:
            raise ValueError(
                f"--chain leads from {instance!r} to {name!r}; expected one of --records. Add its "
                "records or drop it from the chain."
            )
    return before


def _quantities(frame: pd.DataFrame) -> pd.DataFrame:
    values = frame[[c for c in frame if c in OF_ALL_TURNS or _kind_and_turn(c)[1]]]
    if "unchanged" in frame:
        values = values.assign(answer_change=1 - frame["unchanged"])
    return values.copy()


def _kind_and_turn(name: str) -> tuple[str, int]:
    """The parts of the name of a quantity; the turn is 0 for one of OF_ALL_TURNS."""
    kind, _, turn = name.rpartition("_t")
    return (kind, int(turn)) if kind in PER_TURN and turn.isdecimal() else (name, 0)


def _place(name: str) -> tuple[int, int]:
    """By what quantities are sorted: the kind, then the turn."""
    kind, turn = _kind_and_turn(name)
    return [*PER_TURN, *OF_ALL_TURNS].index(kind), turn


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A panel a quantity, a line an arm; dotted lines where an arm starts from another."""
    fixed = {"arm", "update", "step", "num_seeds"}
    names = [n for n in table if n not in fixed and not n.endswith(("_min", "_max"))]
    drawn = [
        a for a, part in table.groupby("arm", sort=False) if part[names].notna().any(axis=None)
    ]
    if not drawn:
        return notice(TITLE, "No policy recorded rewards, KL, lengths or changes.")
    colours = arm_styles(arms, drawn)
    title = f"{TITLE}: means over seeds, smoothed over 1/{SMOOTHED} of a policy's updates"
    figure, axes = panels(len(names), title, x="update", sharex=True)
    for axis, name in zip(axes, names, strict=True):
        kind, turn = _kind_and_turn(name)
        label = f"{PER_TURN[kind]}, turn {turn}" if turn else OF_ALL_TURNS[kind]
        axis.set_title(label)
        for arm in drawn:
            part = table[table["arm"] == arm]
            draw_curve(axis, part, name, 100 if "(%)" in label else 1, colours[arm])
            if part["update"].iloc[0] > part["step"].iloc[0]:
                start = part["update"].iloc[0] - part["step"].iloc[0]
                axis.axvline(start, color="#999999", lw=0.7, ls=":", zorder=0)
        axis.set_xlim(left=0)
    keys: list[Artist] = [line_key(arm, colours[arm].colour, colours[arm].dash) for arm in drawn]
    if table["num_seeds"].max() > 1:
        keys.append(band_key("range over seeds"))
    if (table["update"] > table["step"]).any():
        keys.append(line_key("start from another policy", "#999999", ":", lw=0.7))
    legend(figure, keys)
    return figure


def draw_curve(
    axis, part: pd.DataFrame, name: str, scale: float, style: Style, x: str = "update"
) -> None:
    """A quantity of one arm over column x, times `scale`, smoothed, with its range over seeds."""
    part = part.dropna(subset=[name])  # most updates are not validated
    if part.empty:
        return
    window = max(1, len(part) // SMOOTHED)
    smooth = part[[name, f"{name}_min", f"{name}_max"]].rolling(window, min_periods=1, center=True)
    value, low, high = (scale * column for _, column in smooth.mean().items())
    axis.fill_between(part[x], low, high, color=style.colour, alpha=0.18, lw=0)
    dot = "o" if len(part) == 1 else None  # a single update has no line
    axis.plot(part[x], value, color=style.colour, ls=style.dash, lw=1.2, marker=dot, ms=3)


def analyse_records(
    command: Command, arguments: list[str] | None, table_of: Callable, plot: Callable
) -> None:
    """A command that makes its table, (records, chain) -> table, of the records of trainings."""
    flags = analysis_flags(
        command,
        arguments,
        records=several("arm/seed=training.jsonl ..."),
        chain=optional("arm/seed=the instance it starts from ...", nargs="*"),
    )
    with command.errors():
        chain = instance_values("--chain", flags.chain, "instance")
        table = table_of(read_records("--records", flags.records), chain)
    write_analysis(flags, table, plot)


def main(arguments: list[str] | None = None) -> None:
    analyse_records(COMMAND, arguments, curves, plot)


if __name__ == "__main__":
    COMMAND.run(main)
