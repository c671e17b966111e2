"""Markdown tables, and how numbers look in them: percents with intervals, values of p."""

LEAST_P = 1e-12  # smaller ones say nothing more


def markdown_table(rows: list[list[str]]) -> str:
    """Rows of texts as an aligned table; the first is the heading. A | in a text is escaped."""
    rows = [[text.replace("|", "\\|") for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    return "".join(
        f"| {' | '.join(text.ljust(width) for text, width in zip(row, widths, strict=True))} |\n"
        for row in rows
    )


def percent(fraction: float, signed: bool = False) -> str:
    """`12.3`, or `+12.3`; never a minus sign on a zero."""
    return format(100 * fraction, "+z.1f" if signed else "z.1f")


def interval(value: float, low: float, high: float, signed: bool = False) -> str:
    """`12.3 [11.0, 13.5]` of fractions."""
    return f"{percent(value, signed)} [{percent(low, signed)}, {percent(high, signed)}]"


def p_text(p: float) -> str:
    return f"<{LEAST_P:.0e}" if p < LEAST_P else f"{p:.2g}"
