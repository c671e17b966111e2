"""Compare policies: one row a policy, the self-correction table of a run.

    python -m score.compare --metrics base=base/metrics.json score=score/metrics.json \
        --csv self_correction.csv --markdown self_correction.md

Rows come in the given order. The CSV holds fractions, the markdown percents with intervals.
"""

import argparse
import csv
import io
import json
import sys
from pathlib import Path

from score.metrics import ENDS, RATES
from score.problems import replace_bytes

HEADINGS = ("Accuracy@t1", "Accuracy@t2", "Δ(t1,t2)", "Δ i→c", "Δ c→i")
SIGNED = "delta"
EXPLANATION = (
    "Percent of all problems. Accuracy@t1 and @t2: right in attempt 1 and 2. Δ(t1,t2): the "
    "difference, which is Δ i→c (wrong, then right) minus Δ c→i (right, then wrong). "
    "In brackets: 95 % paired bootstrap interval over problems."
)
COLUMNS = ("num_problems", *(f"{rate}{end}" for rate in RATES for end in ENDS))


def read_rows(pairs: list[str]) -> list[dict]:
    """One row of `policy` and COLUMNS for each `policy=metrics.json`, in order.

    ValueError names the policy and the file that is missing, malformed or incomplete.
    """
    rows = {}
    for pair in pairs:
        policy, equals, path = pair.partition("=")
        if not (policy and equals and path):
            raise ValueError(f"--metrics holds {pair!r}; expected policy=path/to/metrics.json.")
        if policy in rows:
            raise ValueError(f"--metrics names policy {policy!r} twice; expected each once.")
        rows[policy] = {"policy": policy, **_read_metrics(policy, Path(path))}
    return list(rows.values())


def _read_metrics(policy: str, path: Path) -> dict:
    where = f"metrics of policy {policy!r}, {path}"
    if not path.is_file():
        raise ValueError(f"{where}: no such file. Judge that policy first.")
    try:
        rates = json.loads(path.read_text(encoding="utf-8"))["self_correction"]
        row = {name: rates[name] for name in COLUMNS}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{where}: malformed ({error!r}). Judge that policy again.") from None
    for name, value in row.items():
        legal = isinstance(value, int | float) and not isinstance(value, bool) and value == value
        if not legal:
            raise ValueError(f"{where}: {name} is {value!r}; expected a number. Judge it again.")
    return row


def csv_text(rows: list[dict]) -> str:
    """The table as CSV: policy and COLUMNS, fractions."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ("policy", *COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def markdown_text(rows: list[dict]) -> str:
    """The table as markdown: percent with one decimal and intervals, then what it means."""
    cells = [["policy", "problems", *HEADINGS]]
    for row in rows:
        rates = [_cell(row, rate) for rate in RATES]
        cells.append([row["policy"].replace("|", "\\|"), str(row["num_problems"]), *rates])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return "\n".join([*lines, "", EXPLANATION]) + "\n"


def _cell(row: dict, rate: str) -> str:
    form = "+z.1f" if rate == SIGNED else "z.1f"  # z: no minus sign on a zero
    value, low, high = (format(100 * row[f"{rate}{end}"], form) for end in ENDS)
    return f"{value} [{low}, {high}]"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.compare", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--metrics", required=True, nargs="+", help="policy=metrics.json ...")
    parser.add_argument("--csv", required=True, help="table of fractions to write")
    parser.add_argument("--markdown", required=True, help="table of percents to write")
    flags = parser.parse_args(arguments)
    try:
        rows = read_rows(flags.metrics)
    except ValueError as error:
        sys.exit(f"compare: {error}")
    sizes = {row["num_problems"] for row in rows}
    if len(sizes) > 1:
        print(f"WARNING: policies were judged on {sorted(sizes)} problems.", file=sys.stderr)
    markdown = markdown_text(rows)
    replace_bytes(flags.csv, csv_text(rows).encode())
    replace_bytes(flags.markdown, markdown.encode())
    sys.stdout.buffer.write(markdown.encode())


if __name__ == "__main__":
    main()
