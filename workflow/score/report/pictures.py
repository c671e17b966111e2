"""Figures drawn into the page as SVG: they take its colours, light or dark, and differ in grey too.

Shapes get their looks from classes in report.css. Right is filled, wrong is hollow or hatched.
"""

import math
from xml.etree.ElementTree import Element

from score.report.elements import element

WIDTH = 520  # user units; text is 13 of them high
LEFT, RIGHT, ROW = 12, 22, 54
FLOWS = (("right", "right"), ("right", "wrong"), ("wrong", "right"), ("wrong", "wrong"))
FLOW_WIDTH, FLOW_HEIGHT, BAR, TOP = 230, 150, 12, 24


def accuracy_picture(rows: list[dict]) -> Element | None:
    """Accuracy@t1 (hollow) and @t2 (filled) of each arm in percent, with their 95 % intervals.

    rows: of self_correction.csv. None where no row has both.
    """
    drawn = [(row["policy"], *turns) for row in rows if (turns := _turns(row))]
    if not drawn:
        return None
    values = [value for _, *turns in drawn for turn in turns for value in turn]
    low, high = _limits(min(values), max(values))
    height = ROW * len(drawn) + 34

    def x(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    parts = _axis(low, high, x, height)
    for place, (name, first, second) in enumerate(drawn):
        parts += _accuracy_row(name, first, second, ROW * place, x)
    told = "; ".join(
        f"{n}: {a[0]:.1f} % at attempt 1, {b[0]:.1f} % at attempt 2" for n, a, b in drawn
    )
    return _svg(WIDTH, height, f"Accuracy of both attempts. {told}.", parts)


def _turns(row: dict) -> list[tuple[float, ...]] | None:
    """(value, low, high) in percent of turn 1 and of turn 2."""
    try:
        ends = ("", "_low", "_high")
        return [
            tuple(100 * float(row[f"accuracy_t{turn}{end}"]) for end in ends) for turn in (1, 2)
        ]
    except (KeyError, ValueError, TypeError):
        return None


def _limits(least: float, most: float) -> tuple[float, float]:
    """A range that ends in tens, at least ten wide, within 0 to 100."""
    low, high = max(0, math.floor(least / 10) * 10), min(100, math.ceil(most / 10) * 10)
    return (low, high) if high > low else (max(0, low - 10), min(100, high + 10))


def _axis(low: float, high: float, x, height: int) -> list[Element]:
    step = 10 if high - low > 20 else 5 if high - low > 10 else 2
    parts = []
    for value in range(int(low), int(high) + 1, step):
        line = {"x1": x(value), "x2": x(value), "y1": 0, "y2": height - 24}
        parts.append(element("line", class_="grid", **line))
        label = f"{value} %" if value == high else str(value)
        place = {"x": x(value), "y": height - 8, "text_anchor": "middle"}
        parts.append(element("text", label, class_="quiet", **place))
    return parts


def _accuracy_row(name: str, first: tuple, second: tuple, top: float, x) -> list[Element]:
    label = f"{first[0]:.1f} → {second[0]:.1f}"
    parts = [
        element("text", name, x=LEFT, y=top + 16, class_="name"),
        element("text", label, x=WIDTH - RIGHT, y=top + 16, text_anchor="end"),
    ]
    for (value, low, high), shift, kind in ((first, 27, "first"), (second, 38, "second")):
        y = top + shift
        ends = {"x1": x(low), "x2": x(high), "y1": y, "y2": y}
        parts.append(element("line", class_="interval", **ends))
        parts.append(element("circle", class_=f"dot {kind}", cx=x(value), cy=y, r=4.5))
    return parts


def flow_picture(name: str, counts: dict[tuple[str, str], int]) -> Element | None:
    """How answers go from attempt 1 (left) to attempt 2 (right): a band for each of FLOWS.

    counts: rollouts of each. None where there are none.
    """
    total = sum(counts.values())
    if not total:
        return None
    scale = FLOW_HEIGHT / total
    starts = _stack(FLOWS, counts, scale)
    ends = _stack(sorted(FLOWS, key=lambda f: f[1] == "wrong"), counts, scale)
    left, right = 40 + BAR, FLOW_WIDTH - 40 - BAR
    parts = []
    for flow in FLOWS:
        if counts[flow]:
            share = 100 * counts[flow] / total
            band = _band(left, right, starts[flow], ends[flow], counts[flow] * scale)
            title = element("title", f"{flow[0]}, then {flow[1]}: {share:.1f} % ({counts[flow]})")
            parts.append(element("path", title, d=band, class_=f"flow {flow[0]}-{flow[1]}"))
    parts += _side(counts, 0, 40, "end", total, scale)
    parts += _side(counts, 1, right, "start", total, scale)
    told = ", ".join(f"{a} then {b} {100 * counts[a, b] / total:.1f} %" for a, b in FLOWS)
    height = FLOW_HEIGHT + TOP + 6
    return _svg(FLOW_WIDTH, height, f"{name}: {told}", parts)


def _stack(order, counts: dict, scale: float) -> dict:
    """Where each band begins, from the top."""
    places, top = {}, float(TOP)
    for flow in order:
        places[flow] = top
        top += counts[flow] * scale
    return places


def _band(left: float, right: float, start: float, end: float, height: float) -> str:
    middle = (left + right) / 2
    return (
        f"M{left} {start:.2f}C{middle} {start:.2f} {middle} {end:.2f} {right} {end:.2f}"
        f"v{height:.2f}C{middle} {end + height:.2f} {middle} {start + height:.2f} "
        f"{left} {start + height:.2f}z"
    )


def _side(
    counts: dict, turn: int, x: float, anchor: str, total: int, scale: float
) -> list[Element]:
    """The bar of one attempt, right above wrong, with shares beside it."""
    parts, top = [], float(TOP)
    text_x = x - 5 if anchor == "end" else x + BAR + 5
    heading = {"x": x + BAR / 2, "y": 14, "text_anchor": "middle", "class_": "quiet"}
    parts.append(element("text", f"attempt {turn + 1}", **heading))
    for kind in ("right", "wrong"):
        count = sum(n for flow, n in counts.items() if flow[turn] == kind)
        height = count * scale
        box = {"x": x, "y": f"{top:.2f}", "width": BAR, "height": f"{height:.2f}"}
        parts.append(element("rect", class_=f"bar {kind}", **box))
        if count:
            y = min(max(top + height / 2 + 4, TOP + 10), TOP + FLOW_HEIGHT)
            label = f"{100 * count / total:.0f} %"
            parts.append(element("text", label, x=text_x, y=f"{y:.1f}", text_anchor=anchor))
        top += height
    return parts


def _svg(width: float, height: float, label: str, parts: list) -> Element:
    box = f"0 0 {width} {height}"
    return element(
        "svg", parts, viewBox=box, role="img", aria_label=label, width=width, height=height
    )
