"""How figures look: a colour for each arm, panels, dots with intervals, and bytes that repeat.

Colours are Okabe and Ito's, which colour-blind people tell apart. An arm keeps its colour over all
figures of a run whose commands are told the same arms; `base` is black.
"""

import io
import math
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from score.files.atomic import replace_file

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (5, 1, 1, 1, 1, 1)))
GREY = "#8A8A8A"
LOOK = {
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


@dataclass(frozen=True)
class Style:
    """How an arm is drawn: arms beyond six share colours and differ by their dashes."""

    colour: str
    dash: str | tuple


def styles(arms: list[str]) -> dict[str, Style]:
    """A style for each arm, which depends on its place among `arms` alone."""
    others = [arm for arm in dict.fromkeys(arms) if arm != "base"]
    found = {"base": Style("#000000", "-")}
    for place, arm in enumerate(others):
        dash = DASHES[place // len(COLOURS) % len(DASHES)]
        found[arm] = Style(COLOURS[place % len(COLOURS)], dash)
    return found


def arm_styles(told: list[str] | None, drawn: list[str]) -> dict[str, Style]:
    """The arms to draw, in their order, styled by their places among all that a command was told."""
    found = styles([*(told or []), *drawn])
    return {arm: found[arm] for arm in dict.fromkeys(drawn)}


@contextmanager
def look():
    """Within it figures are made and saved in one look, whatever a user's own settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        yield


def panels(count: int, title: str, *, most: int = 4, size=(2.5, 1.9), x="", y="", **share):
    """A figure of `count` panels, filled row by row, and its axes.

    most: panels in a row. size: of one, in inches. x, y: labels of the outer panels.
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


def headline(figure: Figure, title: str) -> None:
    """What the figure shows, in the width it has."""
    characters = int(figure.get_figwidth() * 12)
    figure.suptitle(textwrap.fill(title, characters), x=0.01, ha="left")


def legend(figure: Figure, handles: list) -> None:
    """Below the panels, in as few lines as fit; columns are filled one after the other."""
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


def dot_key(label: str, hollow: bool, marker: str = "o") -> Line2D:
    fill = "white" if hollow else GREY
    return Line2D([], [], color=GREY, marker=marker, ms=5, mfc=fill, lw=1.2, label=label)


def dot_panels(title: str, colours: dict[str, Style], parts: list, *, most: int = 5):
    """Panels with arms from top to bottom and dots with intervals along the x axis.

    colours: the arms, in order. parts: a panel each, (heading, x label, marker, series); series: up
    to two of arm -> (value, low, high), the first drawn hollow where there are two. An arm without
    a value is left blank.
    """
    arms = list(colours)
    size = (2.6, 0.5 + 0.24 * len(arms))
    figure, axes = panels(len(parts), title, size=size, most=most, sharey=True)
    for axis, (heading, label, marker, series) in zip(axes, parts, strict=True):
        axis.set(title=heading, xlabel=label)
        for place, values in enumerate(series):
            shift = 0.0 if len(series) == 1 else (-0.17, 0.17)[place]
            hollow = place == 0 and len(series) > 1
            _dots(axis, colours, values, shift, "white" if hollow else None, marker)
        axis.grid(axis="y", visible=False)
        axis.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(arms)), arms)
    axes[0].set_ylim(len(arms) - 0.5, -0.5)
    return figure, axes


def _dots(axis, colours: dict[str, Style], values: dict, shift: float, fill, marker: str) -> None:
    for row, (arm, style) in enumerate(colours.items()):
        value, low, high = values.get(arm, (math.nan,) * 3)
        if math.isnan(value):
            continue
        place, colour = row + shift, style.colour
        axis.plot([low, high], [place, place], color=colour, lw=1.2, solid_capstyle="butt")
        dot = {"mfc": fill or colour, "ms": 4.5, "mew": 1.1, "clip_on": False}  # whole at 100 %
        axis.plot(value, place, marker, color=colour, **dot)


def same_limits(axes: list) -> None:
    """One range of x for all: the widest."""
    lows, highs = zip(*(axis.get_xlim() for axis in axes), strict=True)
    for axis in axes:
        axis.set_xlim(min(lows), max(highs))


def percent_limits(axes: list) -> None:
    """No range of x beyond 0 and 100, but for the width of a dot, and none below one point."""
    for axis in axes:
        low, high = axis.get_xlim()
        axis.set_xlim(max(low, -1.0), min(max(high, low + 1.0), 101.0))


def ranges(table, name: str, scale: float = 1.0) -> dict[str, tuple]:
    """Arm -> (value, low, high) of a quantity, from rows of a table with one row an arm."""
    cells = scale * table[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
    return dict(zip(table["arm"], map(tuple, cells), strict=True))


def notice(title: str, text: str) -> Figure:
    """In place of a figure for which there is nothing to draw: says why."""
    figure = Figure(figsize=(6, 1.6), layout="constrained")
    headline(figure, title)
    figure.text(0.02, 0.4, textwrap.fill(text, 80), va="center", color="#555555")
    return figure


def save(path: str, figure: Figure) -> None:
    """PNG, whole or not at all; equal figures have equal bytes."""
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    replace_file(path, data.getvalue())
