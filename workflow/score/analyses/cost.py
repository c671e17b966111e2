"""What the training of each arm took, and the accuracy of attempt 2 that it led to.

    python -m score.analyses.cost --budgets budgets.json --attempts base=base/attempts.parquet \
        score/seed0=score/seed0/attempts.parquet --records score/seed0=…/training.jsonl \
        --rounds star/seed0=…/corrections.json --sampling star/seed0=…/sample.tsv \
        --csv cost.csv --figure cost.png --json cost.json

--chain adds to an arm those that it starts from. Seconds are those of its updates, sampling
included; where sampling is a job of its own, those of the job, its start included.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from score.analyses.command import add_attempts_flags, analysis_parser, write_analysis
from score.analyses.figures import arm_styles, dot_panels, ranges
from score.analyses.instances import (
    arm_of,
    by_arm,
    lineage,
    named,
    named_often,
    outcomes,
    read_attempts,
    read_records,
)
from score.analyses.intervals import estimate
from score.comparison.outcomes import SPENT, read_budgets
from score.files.atomic import replace_file

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

    records, lengths, sampling: by instance. lengths: mean tokens of an attempt in each round of
    fine-tuning, which its records don't tell. sampling: seconds of sampling that are in no record.
    """
    tokens: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for instance in records:
        line = lineage(instance, chain)
        counts = np.diff([0, *(_number(budgets, name, "attempts") for name in line)])
        means = [_mean_length(records, lengths or {}, name) for name in line]
        tokens.setdefault(arm_of(instance), []).append(np.dot(counts, means))
        spent = sum(_seconds(records, sampling or {}, name) for name in line)
        seconds.setdefault(arm_of(instance), []).append(spent)
    rows = []
    for arm, budget in budgets.items():
        row = {"arm": arm, **{key: _number(budgets, arm, key) for key in SPENT}}
        unknown = 0.0 if budget["attempts"] == budget["updates"] == 0 else np.nan
        row["tokens"] = np.mean(tokens.get(arm, unknown))
        row["seconds"] = np.mean(seconds.get(arm, unknown))
        rows.append(row)
    return pd.DataFrame(rows)


def _number(budgets: dict[str, dict], instance: str, key: str) -> float:
    value = budgets.get(arm_of(instance), {}).get(key)
    return np.nan if value is None else value


def _mean_length(records: dict, lengths: dict, instance: str) -> float:
    """Mean tokens of an attempt in the training of one instance, all turns alike."""
    frame = records.get(instance, pd.DataFrame())
    turns = [column for column in frame if column.startswith("tokens_t")]
    return frame[turns].mean().mean() if turns else np.mean(lengths.get(instance, np.nan))


def _seconds(records: dict, sampling: dict, instance: str) -> float:
    frame = records.get(instance, pd.DataFrame())
    trained = frame["step_time"].sum() if "step_time" in frame else np.nan
    return trained + sum(sampling.get(instance, []))


def read_by_instance(flag: str, pairs: list[str] | None, value_of) -> dict[str, list[float]]:
    """Instance -> value_of(path) of each of its files. ValueError names the flag and the file."""
    found: dict[str, list[float]] = {}
    for name, path in named_often(flag, pairs):
        try:
            found.setdefault(name, []).append(float(value_of(path)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{flag} of policy {name!r}, {path}: {error!r}. Make it again."
            ) from None
    return found


def attempt_length(path: str) -> float:
    """Mean tokens of an attempt, from the report of score.fine_tuning.corrections."""
    return json.loads(Path(path).read_text(encoding="utf-8"))["mean_tokens"]


def benchmarked_seconds(path: str) -> float:
    """Seconds that a job took, from Snakemake's benchmark file."""
    return pd.read_csv(path, sep="\t")["s"].sum()


def with_accuracy(table: pd.DataFrame, instances: dict[str, pd.DataFrame], *, samples, seed):
    """The table with accuracy_t2 and its interval beside the costs; arms without attempts go."""
    rows = []
    for arm, seeds in by_arm(instances).items():
        values = [outcomes(attempts)[["accuracy_t2"]] for attempts in seeds]
        row = {"arm": arm, "num_seeds": len(seeds)}
        rows.append(row | estimate(values, samples=samples, seed=seed))
    missing = [row["arm"] for row in rows if row["arm"] not in set(table["arm"])]
    if missing:
        raise ValueError(f"budgets lack {missing}; expected every arm of --attempts. Add them.")
    return (
        pd.DataFrame(rows)[["arm", "num_seeds"]]
        .merge(table, on="arm")
        .merge(pd.DataFrame(rows).drop(columns="num_seeds"), on="arm")
    )


def plot(table: pd.DataFrame, arms: list[str] | None = None):
    """A row an arm: accuracy of attempt 2 with its interval, then bars of what it took."""
    shown = [part for part in SHOWN if table[part[0]].notna().any()]
    label = "% of problems, 95 % interval"
    parts = [("accuracy of attempt 2", label, "o", [ranges(table, "accuracy_t2", 100)])]
    units = [_unit(units, table[name].max()) for name, units, _, _ in shown]
    for (_, many), (_, _, heading, label) in zip(units, shown, strict=True):
        parts.append((heading, f"{many}{label}", "o", []))
    colours = arm_styles(arms, list(table["arm"]))
    figure, axes = dot_panels("What training took, and the accuracy it led to", colours, parts)
    for axis, (unit, _), (name, *_) in zip(axes[1:], units, shown, strict=True):
        _bars(axis, table[name] / unit, [style.colour for style in colours.values()])
    return figure


def _unit(units: tuple, most: float) -> tuple[float, str]:
    """The largest unit that suits numbers up to `most`, and its word; the last one suits all."""
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
    parser = analysis_parser("analyse_cost", __doc__)
    add_attempts_flags(parser)
    parser.add_argument("--budgets", required=True, help="JSON file: arm -> its budget")
    parser.add_argument("--records", nargs="*", help="policy=training.jsonl ...")
    parser.add_argument("--rounds", nargs="*", help="policy=corrections.json ... of each round")
    parser.add_argument("--sampling", nargs="*", help="policy=benchmark.tsv ... of Snakemake")
    parser.add_argument("--chain", nargs="*", help="policy=the policy it starts from ...")
    parser.add_argument("--json", required=True, help="JSON file to write: arm -> what it took")
    flags = parser.parse_args(arguments)
    try:
        records = read_records("--records", flags.records)
        costly = costs(
            read_budgets(flags.budgets),
            records,
            named("--chain", flags.chain),
            read_by_instance("--rounds", flags.rounds, attempt_length),
            read_by_instance("--sampling", flags.sampling, benchmarked_seconds),
        )
        table = with_accuracy(
            costly,
            read_attempts("--attempts", flags.attempts, ("correct",)),
            samples=flags.bootstrap_samples,
            seed=flags.bootstrap_seed,
        )
    except ValueError as error:
        sys.exit(f"analyse_cost: {error}")
    entries = costly.set_index("arm").astype(object).where(costly.set_index("arm").notna(), None)
    text = json.dumps(entries.to_dict("index"), indent=2)
    replace_file(flags.json, f"{text}\n".encode())
    write_analysis(flags, table, plot)


if __name__ == "__main__":
    main()
