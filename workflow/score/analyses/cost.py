"""What the training of each arm took, and the accuracy of attempt 2 that it led to.

    python -m score.analyses.cost --budgets budgets.json --attempts base=base/attempts.parquet \\
        score/seed0=score/seed0/attempts.parquet --records score/seed0=…/training.jsonl \\
        --rounds star/seed0=…/examples.json --sampling star/seed0=…/sample.tsv \\
        --csv cost.csv --figure cost.png --json cost.json

An arm's numbers include those of the policies that it starts from, see --chain. Seconds are those of
updates, sampling included. Where sampling is a job of its own, that job's seconds are added, with its
start, to every arm that starts from what it sampled.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from score.analyses.command import ATTEMPTS, analysis_flags, write_analysis
from score.analyses.figures import arm_styles, dot_panels, ranges
from score.analyses.intervals import estimate, outcomes
from score.comparison.instances import (
    arm_of,
    by_arm,
    instance_pairs,
    instance_values,
    lineage,
    read_attempts,
    read_records,
)
from score.comparison.outcomes import SPENT, read_budgets
from score.files.atomic import replace_file
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)
COUNTED = ((1e6, "millions, "), (1e3, "thousands, "), (1, ""))
SHOWN = (
    ("attempts", COUNTED, "attempts sampled", "in training"),
    ("tokens", COUNTED, "tokens sampled", "in training"),
    ("updates", COUNTED, "updates", "of the policy"),
    ("seconds", ((60, ""),), "time it took", "minutes"),
)


def costs(
    budgets: dict[str, dict],
    records: dict[str, pd.DataFrame],
    chain: dict[str, str],
    lengths: dict[str, list[float]] | None = None,
    sampling: dict[str, list[float]] | None = None,
) -> pd.DataFrame:
    """One row an arm of `budgets`: SPENT, tokens, seconds; means over seeds, NaN for what is unknown.

    records, chain, lengths, sampling: by instance. lengths: mean tokens of an attempt in each round
    of fine-tuning, which its records do not hold. sampling: seconds of sampling in jobs of its own.
    """
    taken = {}
    for instance in records:
        line = lineage(instance, chain)
        counts = np.diff([0, *(_number(budgets, name, "attempts") for name in line)])
        each = zip(line, counts, strict=True)
        tokens = sum(_tokens(records, lengths or {}, name, count) for name, count in each)
        seconds = sum(_seconds(records, sampling or {}, name) for name in line)
        taken[instance] = tokens, seconds
    of_arms, rows = by_arm(taken), []
    for arm, budget in budgets.items():
        row = {"arm": arm, **{key: _number(budgets, arm, key) for key in SPENT}}
        unknown = 0.0 if budget["attempts"] == budget["updates"] == 0 else np.nan
        of_seeds = zip(*of_arms.get(arm, [(unknown, unknown)]), strict=True)
        means = (np.mean(values) for values in of_seeds)
        rows.append({**row, **dict(zip(("tokens", "seconds"), means, strict=True))})
    return pd.DataFrame(rows)


def _number(budgets: dict[str, dict], instance: str, key: str) -> float:
    value = budgets.get(arm_of(instance), {}).get(key)
    return np.nan if value is None else value


def _tokens(records: dict, lengths: dict, instance: str, attempts: float) -> float:
    """Tokens sampled in the training of one instance: as recorded, where all were sampled in updates.

    Else the attempts times the mean length of one, all turns alike.
    """
    frame = records.get(instance, pd.DataFrame())
    if "sampled_tokens" in frame and "offline" not in frame:
        return frame["sampled_tokens"].sum()
    turns = [column for column in frame if column.startswith("tokens_t")]
    mean = frame[turns].mean().mean() if turns else np.mean(lengths.get(instance, np.nan))
    return attempts * mean


def _seconds(records: dict, sampling: dict, instance: str) -> float:
    frame = records.get(instance, pd.DataFrame())
    trained = frame["step_time"].sum() if "step_time" in frame else np.nan
    return trained + sum(sampling.get(instance, []))


def read_by_instance(
    flag: str, pairs: list[str] | None, value_of: Callable[[str], float]
) -> dict[str, list[float]]:
    """Instance -> value_of(path) of each of its files. ValueError names the flag and the file."""
    found: dict[str, list[float]] = {}
    for name, path in instance_pairs(flag, pairs):
        try:
            found.setdefault(name, []).append(float(value_of(path)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{flag} of {name!r}, {path}: {error!r}. Make it again.") from None
    return found


def attempt_length(path: str) -> float:
    """Mean tokens of an attempt, from the report of score.fine_tuning.corrections."""
    return json.loads(Path(path).read_text(encoding="utf-8"))["mean_tokens"]


def benchmarked_seconds(path: str) -> float:
    """Seconds that a job took, from Snakemake's benchmark file."""
    return pd.read_csv(path, sep="\t")["s"].sum()


def with_accuracy(costly: pd.DataFrame, instances: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The table of costs with accuracy_t2 and its interval beside it, for arms with attempts.

    instances: instance -> verified attempts. ValueError for an arm that the table lacks.
    """
    rows = []
    for arm, seeds in by_arm(instances).items():
        values = [outcomes(attempts)[["accuracy_t2"]] for attempts in seeds]
        rows.append({"arm": arm, **estimate(values)})
    accuracy = pd.DataFrame(rows).drop(columns="num_problems")
    if missing := [arm for arm in accuracy["arm"] if arm not in set(costly["arm"])]:
        raise ValueError(f"budgets lack {missing}; expected every arm of --attempts. Add them.")
    columns = ["arm", "num_seeds", *costly.columns[1:], *accuracy.columns[2:]]
    return accuracy.merge(costly, on="arm")[columns]


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A row an arm: accuracy of attempt 2 with its interval, then bars of what it took."""
    label = "% of problems, 95 % interval"
    parts = [("accuracy of attempt 2", label, "o", [ranges(table, "accuracy_t2", 100)])]
    bars = []
    for name, units, heading, label in SHOWN:
        if table[name].fillna(0).any():  # of what nothing is known, base's 0 says nothing
            unit, word = unit_of(units, table[name].max())
            parts.append((heading, f"{word}{label}", "o", []))
            bars.append(table[name] / unit)
    colours = [style.colour for style in arm_styles(arms, table["arm"]).values()]
    figure, axes = dot_panels("What training took, and the accuracy it led to", table, arms, parts)
    for axis, values in zip(axes[1:], bars, strict=True):
        _bars(axis, values, colours)
    return figure


def unit_of(units: tuple, most: float) -> tuple[float, str]:
    """The largest unit of which `most` is at least ten, with its word, or else the last one."""
    return next((unit for unit in units if most >= 10 * unit[0]), units[-1])


def _bars(axis, values: pd.Series, colours: list[str]) -> None:
    """A bar with its number for each arm."""
    axis.barh(range(len(values)), values.fillna(0), 0.55, color=colours)
    for place, value in enumerate(values):
        text = "unknown" if pd.isna(value) else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
        end = (0 if pd.isna(value) else value, place)
        more = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "fontsize": 7}
        axis.annotate(text, end, color="#444444", **more)
    axis.set_xlim(0, max(1.3 * values.max(), 1e-9))


def main(arguments: list[str] | None = None) -> None:
    flags = analysis_flags(
        COMMAND,
        arguments,
        **ATTEMPTS,
        budgets="JSON file: arm -> its budget",
        records=optional("arm/seed=training.jsonl ...", nargs="*"),
        rounds=optional("arm/seed=examples.json ... of each round", nargs="*"),
        sampling=optional("arm/seed=benchmark.tsv ... of Snakemake", nargs="*"),
        chain=optional("arm/seed=the instance it starts from ...", nargs="*"),
        json="JSON file to write: arm -> what it took",
    )
    with COMMAND.errors():
        costly = costs(
            read_budgets(flags.budgets),
            read_records("--records", flags.records),
            instance_values("--chain", flags.chain, "instance"),
            read_by_instance("--rounds", flags.rounds, attempt_length),
            read_by_instance("--sampling", flags.sampling, benchmarked_seconds),
        )
        attempts = read_attempts("--attempts", flags.attempts, ["correct"])
        table = with_accuracy(costly, attempts)
    by_name = costly.set_index("arm")
    entries = by_name.astype(object).where(by_name.notna(), None).to_dict("index")
    replace_file(flags.json, f"{json.dumps(entries, indent=2)}\n".encode())
    write_analysis(flags, table, plot)


if __name__ == "__main__":
    COMMAND.run(main)
