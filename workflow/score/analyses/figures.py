"""How figures look: a colour for each arm, panels, dots with intervals, and bytes that repeat.

Colours are Okabe and Ito's, which colour-blind people tell apart. An arm keeps its colour over all
figures of a run whose commands get the same --arms; `base` is black.
"""

import io
import math
import textwrap
from collections.abc import Callable, Iterable
from typing import NamedTuple

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from score.evaluation.metrics import ENDS
from score.files.atomic import replace_file

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (9, 2.5)))
GREY = "#8A8A8A"
LOOK: dict = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.titlesize": 10.5,
    "lines.linewidth": 1.5,
    "savefig.dpi": 160,
}


class Style(NamedTuple):
    """How an arm is drawn."""

    colour: str
    dash: str | tuple


def arm_styles(arms: list[str] | None, drawn: Iterable[str]) -> dict[str, Style]:
    """A style for each of the `drawn` arms, in their order.

    arms: all arms of the run, on which colours depend; None for those that are drawn. Neighbours differ
    in their dashes too, since the colours are alike in grey; 30 arms differ in one of both.
    """
    drawn = list(dict.fromkeys(drawn))
    found = {"base": Style("#000000", "-")}
    others = [arm for arm in dict.fromkeys([*(arms or []), *drawn]) if arm != "base"]
    for place, arm in enumerate(others):
        found[arm] = Style(COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)])
    return {arm: found[arm] for arm in drawn}


def panels(count: int, title: str, *, most: int = 4, size=(2.5, 1.9), x="", y="", **share):
    """A figure of `count` panels, filled row by row, and its axes.

    most: panels in a row. size: of a panel, in inches. x, y: labels of the outer panels. share:
    sharex, sharey.
    """
    rows = math.ceil(count / most)
    columns = math.ceil(count / rows)
    width = max(size[0] * columns, 5.0)
    figure = Figure(figsize=(width, size[1] * rows + 0.9), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **share).flatten().tolist()
    for spare in axes[count:]:
        spare.remove()
    for axis in axes[max(0, count - columns) : count]:  # the lowest one of each column
        axis.tick_params(labelbottom=True)
    for axis in axes[columns * (rows - 1) : count]:
        axis.set_xlabel(x)
    for axis in axes[:count:columns]:
        axis.set_ylabel(y)
    headline(figure, title)
    return figure, axes[:count]


def arm_panels(title: str, table: pd.DataFrame, arms: list[str] | None, *, x: str, y: str):
    """A figure with a panel for each arm, and (axis, the arm's rows of the table, colour) of each."""
    styles = arm_styles(arms, table["arm"])
    figure, axes = panels(len(styles), title, x=x, y=y, sharex=True, sharey=True)
    drawn = []
    for axis, (arm, style) in zip(axes, styles.items(), strict=True):
        axis.set_title(arm, parse_math=False)
        drawn.append((axis, table[table["arm"] == arm], style.colour))
    return figure, drawn


def draw_band(axis, x: pd.Series, table: pd.DataFrame, name: str, *, color: str, ls="-") -> None:
    """A line of a quantity, a fraction, in percent, with its interval as a band."""
    value, low, high = (100 * table[f"{name}{end}"] for end in ENDS)
    axis.fill_between(x, low, high, color=color, alpha=0.2, lw=0)
    axis.plot(x, value, color=color, ls=ls, marker=".")


def powers_of_two(axis, ticks: pd.Series | None) -> None:
    """An x axis on which doubling is one step, with a tick at each of these numbers, or at powers."""
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter(lambda number, _: f"{number:,.0f}")
    if ticks is not None:
        axis.set_xticks(sorted(ticks.unique()))
    axis.minorticks_off()


def headline(figure: Figure, title: str) -> None:
    """The title of a figure, wrapped to its width."""
    characters = int(figure.get_figwidth() * 12)
    figure.suptitle(textwrap.fill(title, characters), x=0.01, ha="left")


def legend(figure: Figure, handles: list) -> None:
    """A legend below the panels, in as few lines as fit; its columns are filled one by one."""
    room = figure.get_figwidth() * 13  # characters
    lines = 1
    while lines < len(handles):
        starts = range(0, len(handles), lines)
        widths = [max(len(h.get_label()) for h in handles[i : i + lines]) + 7 for i in starts]
        if sum(widths) <= room:
            break
        lines += 1
    columns = math.ceil(len(handles) / lines)
    figure.legend(handles=handles, loc="outside lower left", ncols=columns)


def line_key(label: str, colour: str = GREY, dash="-", **more) -> Line2D:
    return Line2D([], [], color=colour, linestyle=dash, label=label, **more)


def band_key(label: str) -> Patch:
    return Patch(facecolor=GREY, alpha=0.3, label=label)


def patch_key(label: str, framed: bool = True) -> Patch:
    """A key for cells with a frame, or for what is written in them."""
    return Patch(facecolor="none", edgecolor="black" if framed else "none", label=label)


def dot_key(label: str, hollow: bool, marker: str = "o") -> Line2D:
    fill = "white" if hollow else GREY
    return Line2D([], [], color=GREY, marker=marker, ms=5, mfc=fill, lw=1.2, label=label)


def dot_panels(
    title: str, table: pd.DataFrame, arms: list[str] | None, parts: list, *, most: int = 5
):
    """Panels with the arms of a table from top to bottom and dots with intervals along the x axis.

    parts: a panel each, (heading, x label, marker, series); series: up to two of arm -> (value, low,
    high), the first drawn hollow where there are two. An arm without a value is left blank. most:
    panels in a row. Returns the figure and its axes.
    """
    styles = arm_styles(arms, table["arm"])
    size = (2.6, 0.5 + 0.24 * len(styles))
    figure, axes = panels(len(parts), title, size=size, most=most, sharey=True)
    for axis, (heading, label, marker, series) in zip(axes, parts, strict=True):
        axis.set_title(heading, parse_math=False)
        axis.set_xlabel(label)
        for place, values in enumerate(series):
            shift = 0.0 if len(series) == 1 else (-0.17, 0.17)[place]
            hollow = place == 0 and len(series) > 1
            _dots(axis, styles, values, shift, "white" if hollow else None, marker)
        axis.grid(axis="y", visible=False)
        axis.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(styles)), styles)
    axes[0].set_ylim(len(styles) - 0.5, -0.5)
    return figure, axes


def dot_legend(figure: Figure, *keys: Line2D) -> None:
    legend(figure, [*keys, line_key("95 % interval", lw=1.2)])


def _dots(axis, styles: dict[str, Style], values: dict, shift: float, fill, marker: str) -> None:
    for row, (arm, (colour, _)) in enumerate(styles.items()):
        value, low, high = values.get(arm, (math.nan,) * 3)
        if math.isnan(value):
            continue
        place = row + shift
        axis.plot([low, high], [place, place], color=colour, lw=1.2, solid_capstyle="butt")
        dot = {"mfc": fill or colour, "ms": 4.5, "mew": 1.1, "clip_on": False}  # whole at 100 %
        axis.plot(value, place, marker, color=colour, **dot)


def same_limits(axes: list) -> None:
    """Give all axes one range of x that holds the ranges of all."""
    lows, highs = zip(*(axis.get_xlim() for axis in axes), strict=True)
    for axis in axes:
        axis.set_xlim(min(lows), max(highs))


def percent_limits(axes: list) -> None:
    """Keep ranges of x within 0 to 100, with room for a dot, and at least one point wide."""
    for axis in axes:
        low, high = axis.get_xlim()
        axis.set_xlim(max(low, -1.0), min(max(high, low + 1.0), 101.0))


def ranges(table: pd.DataFrame, name: str, scale: float = 1.0) -> dict[str, tuple]:
    """Arm -> (value, low, high) of a quantity, times `scale`, from a table with one row an arm."""
    cells = scale * table[[f"{name}{end}" for end in ENDS]].to_numpy(float)
    return dict(zip(table["arm"], map(tuple, cells), strict=True))


def notice(title: str, text: str) -> Figure:
    """A figure that has nothing to show, with a text that says why."""
    figure = Figure(figsize=(6, 1.6), layout="constrained")
    headline(figure, title)
    figure.text(0.02, 0.4, textwrap.fill(text, 80), va="center", color="#555555")
    return figure


def write_figure(path: str, draw: Callable[[], Figure]) -> None:
    """Draw a figure and write it as PNG, in LOOK whatever the user's own settings of matplotlib are.

    Equal figures have equal bytes.
    """
    data = io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        draw().savefig(data, format="png", metadata={"Software": None})
    replace_file(path, data.getvalue())
