"""The page itself: sections of tables, figures, rollouts, settings and provenance, in one HTML file."""

import base64
import hashlib
import json
from collections import Counter
from importlib import resources
from pathlib import Path
from xml.etree.ElementTree import Element

import pandas as pd

from score.comparison.instances import arm_of
from score.report.elements import element, folded, html_text
from score.report.markdown import markdown_elements, table_element
from score.report.origin_sections import provenance_section, settings_section
from score.report.pictures import accuracy_picture, flow_picture
from score.report.rollouts import Rollouts, pack
from score.report.run_folder import RunFolder
from score.report.sentence import main_instance, sentence
from score.report.text_pieces import PIECES

SCRIPTS = ("text.js", "problem.js", "browser.js")
MOST_ROWS = 60  # of an analysis' table on the page; the file has all
TITLES = {
    "self_correction": "Results",
    "pairs": "Each two policies",
    "paper_comparison": "Beside published rows",
}
_MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}


def report_page(
    run: RunFolder, rollouts: Rollouts, origin: dict, parts_at: str | None = None
) -> str:
    """The HTML of a report.

    origin: the run's provenance. parts_at: where the texts of policies lie beside the page, if they
    are not within it, see `part_file`.
    """
    sections = [
        _results(run),
        _browser(run, rollouts),
        _figures(run, rollouts),
        settings_section(run),
    ]
    # The figures may have added to it, and once more where the page is made twice.
    missing = list(dict.fromkeys([*run.missing, *rollouts.unread]))
    script = "\n".join(_asset(name) for name in SCRIPTS)
    style = _asset("report.css")
    body = element(
        "body",
        _header(run, origin),
        element(
            "main",
            _missing(missing),
            sections,
            provenance_section(origin),
            id="top",
        ),
        _data(run, rollouts, parts_at),
        element("script", script),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element(
            "meta", http_equiv="Content-Security-Policy", content=_policy(script, style, parts_at)
        ),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{run.name}: report"),
        element("style", style),
    )
    return html_text(element("html", head, body, lang="en"))


def _policy(script: str, style: str, parts_at: str | None) -> str:
    """What the page may do: run its own script, and that script may load its own parts; nothing else."""
    further = " 'strict-dynamic'" if parts_at else ""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'{further}; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    return resources.files("score.report").joinpath("assets", name).read_text(encoding="utf-8")


def part_file(number: int, packed: str) -> bytes:
    """A policy's texts as a file that the page can load from a disk, where it may not fetch."""
    return f"scorePart({number}, {json.dumps(packed)});\n".encode()


def _header(run: RunFolder, origin: dict) -> Element:
    verdict, *numbers = sentence(run)
    links = [("results", "Results"), ("rollouts", "Rollouts"), ("figures", "Figures")]
    links += [("settings", "Settings"), ("provenance", "Provenance")]
    return element(
        "header",
        element("p", f"Run {run.name}, {origin['reported'][:10]}", class_="quiet"),
        element("h1", verdict),
        [element("p", text, class_="lead") for text in numbers],
        element(
            "nav", [element("a", text, href=f"#{to}") for to, text in links], aria_label="Sections"
        ),
    )


def _missing(missing: list[str]) -> Element | None:
    if not missing:
        return None
    items = element("ul", [element("li", text) for text in missing])
    say = "This run is half made, or of another version. It lacks:"
    return element("aside", element("p", say), items, class_="note")


def _results(run: RunFolder) -> Element:
    parts = []
    for path in run.tables():
        blocks = markdown_elements(path.read_text(encoding="utf-8", errors="replace"))
        if blocks and blocks[0].tag == "h3":
            del blocks[0]
        title = TITLES.get(path.stem, path.stem.replace("_", " ").capitalize())
        if path.stem == "self_correction":
            tables = [block for block in blocks if block.tag == "div"]
            told = [block for block in blocks if block.tag != "div"]
            parts += [*tables, folded("How to read this table", told) if told else None]
        else:
            parts.append(folded(title, blocks))
    return element(
        "section", element("h2", "Results"), parts or element("p", "No table yet."), id="results"
    )


def _figures(run: RunFolder, rollouts: Rollouts) -> Element:
    parts = []
    if (drawn := accuracy_picture(run.rows())) is not None:
        parts.append(_figure("Accuracy of both attempts", caption_of("accuracy"), drawn))
    flows = [
        element("figure", element("figcaption", name), picture, class_="flow-box")
        for name, counts in _by_arm(rollouts.flows).items()
        if (picture := flow_picture(name, counts)) is not None
    ]
    if flows:
        title = element("h3", "From attempt 1 to attempt 2")
        parts += [title, element("p", caption_of("flow")), element("div", flows, class_="flows")]
    for name in run.analyses():
        parts += _analysis(run, name)
    return element("section", element("h2", "Figures"), parts, id="figures")


def _by_arm(flows: dict[str, dict]) -> dict[str, Counter]:
    """The counts of all seeds of an arm together."""
    arms: dict[str, Counter] = {}
    for instance, counts in flows.items():
        arms.setdefault(arm_of(instance), Counter()).update(counts)
    return arms


def _figure(title: str, caption: str | None, content: Element) -> Element:
    told = element("p", caption) if caption else None
    return element(
        "figure", element("figcaption", element("h3", title), told), _scrolling(content, title)
    )


def _scrolling(content: Element, title: str) -> Element:
    return element("div", content, class_="wide", tabindex="0", role="group", aria_label=title)


def _analysis(run: RunFolder, name: str) -> list[Element]:
    """The figures of an analysis and its tables, as its files have them."""
    parts = [_image(figure) for figure in run.figures(name)]
    for table in run.data(name):
        try:
            parts += _TABLES[table.suffix](table, str(table.relative_to(run.path)))
        except (OSError, ValueError) as error:
            run.missing.append(f"{table}: {error}")
    return parts


def _image(figure: Path) -> Element:
    title, caption = figure.stem.replace("_", " ").capitalize(), caption_of(figure.stem)
    coded = base64.b64encode(figure.read_bytes()).decode()
    source = f"data:{_MEDIA[figure.suffix]};base64,{coded}"
    image = element("img", src=source, alt=caption or title, width=_width(figure))
    return _figure(title, caption, image)


def _width(figure: Path) -> int | None:
    """Pixels of the page for a PNG of 160 dots an inch; None for an SVG, which knows its own."""
    head = figure.read_bytes()[:24]
    if not head.startswith(b"\x89PNG"):
        return None
    return round(0.7 * int.from_bytes(head[16:20], "big"))


def _csv(path: Path, title: str) -> list[Element]:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    told = f"The first {MOST_ROWS} of {len(frame):,} rows." if len(frame) > MOST_ROWS else ""
    rows = [[str(cell) for cell in row] for row in frame.head(MOST_ROWS).itertuples(index=False)]
    note = element("p", told, class_="quiet")
    return [folded(f"Table: {title}", note, table_element(list(frame.columns), rows))]


def _page(path: Path, title: str) -> list[Element]:
    return markdown_elements(path.read_text(encoding="utf-8", errors="replace"), level=4)


_TABLES = {".csv": _csv, ".md": _page}


def caption_of(name: str) -> str | None:
    """The caption of a figure, which Snakemake's report takes from the same file."""
    file = resources.files("score.report").joinpath("captions", f"{name}.rst")
    return " ".join(file.read_text(encoding="utf-8").split()) if file.is_file() else None


def _browser(run: RunFolder, rollouts: Rollouts) -> Element:
    """The place of the rollout browser, which browser.js fills."""
    said = "This part needs JavaScript and a browser of 2023 or later."
    if not rollouts.parts:
        said = "No verified attempts are there to show."
    return element(
        "section",
        element("h2", "Rollouts"),
        element("p", said, id="browser-note"),
        element("div", id="browser", data_first=main_instance(run) or ""),
        id="rollouts",
    )


def _data(run: RunFolder, rollouts: Rollouts, parts_at: str | None) -> list[Element]:
    index = rollouts.index | {"pieces": PIECES, "partsAt": parts_at}
    blocks = [("data-index", pack(index))] if rollouts.parts else []
    if parts_at is None:
        blocks += [(f"data-part-{number}", part) for number, part in enumerate(rollouts.parts)]
    return [
        element("script", text, type="application/octet-stream", id=name) for name, text in blocks
    ]
