"""The project's Markdown pages, and the code that they name."""

import re
from pathlib import Path

from places import ROOT

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "data/*.md", "configs/*/*.md", "benchmarks/*/*.md")
    for path in ROOT.glob(pattern)
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`]+)`")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fences(page: Path, language: str) -> list[str]:
    """The blocks of a page that say they are in a language."""
    return [code for name, code in FENCE.findall(page.read_text("utf-8")) if name == language]


def inline_code(page: Path) -> list[str]:
    """What a page has in backticks, outside of blocks."""
    found = INLINE.findall(FENCE.sub("", page.read_text("utf-8")))
    return [" ".join(code.split()) for code in found]


def commands(page: Path) -> list[str]:
    """What a page gives to type: lines of bash, continued ones joined, and code in backticks."""
    lines = [
        line.partition("  #")[0].strip()
        for block in fences(page, "bash")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return lines + inline_code(page)


def anchors(page: Path) -> set[str]:
    """The names by which links reach the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in headings}
