"""Tables as CSV and markdown, and how numbers look in them: percents with intervals, values of p."""

import csv
import io
import sys
from collections.abc import Collection, Iterable, Sequence

from score.files.atomic import replace_file
from score.files.visible import in_cell, in_markdown

LEAST_P = 1e-12  # smaller ones say nothing more
HOW_SURE = (
    "Intervals and p count how problems differ and, of arms with several seeds, how seeds do, or "
    "whole runs where runs are pooled: the part of the variance that comes from S seeds is taken "
    "with the t quantile of S - 1 degrees of freedom. Those of an arm with one seed are over "
    "problems alone and say nothing of how another training of it would differ. Two or three seeds "
    "show that roughly, so their intervals are wide where they differ."
)


def csv_text(rows: Iterable[dict], columns: Collection[str]) -> str:
    """Rows as CSV, numbers with all their digits, texts as score.files.visible.in_cell has them.

    ValueError where a row has other columns.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: in_cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of texts as an aligned table; the first is the heading. A text is no Markdown in it."""
    rows = [[in_markdown(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    return "".join(
        f"| {' | '.join(text.ljust(width) for text, width in zip(row, widths, strict=True))} |\n"
        for row in rows
    )


def points(percent: float, signed: bool = False) -> str:
    """`12.3`, or `+12.3`; never a minus sign on a zero."""
    return format(percent, "+z.1f" if signed else "z.1f")


def interval(value: float, low: float, high: float, *, signed: bool = False) -> str:
    """`12.3 [11.0, 13.5]` of fractions."""
    middle, below, above = (points(100 * fraction, signed) for fraction in (value, low, high))
    return f"{middle} [{below}, {above}]"


def p_text(p: float) -> str:
    return f"<{LEAST_P:.0e}" if p < LEAST_P else f"{p:.2g}"


def write_page(path: str, markdown: str) -> None:
    """Write a page for people, and print it."""
    replace_file(path, markdown.encode())
    sys.stdout.buffer.write(markdown.encode())
