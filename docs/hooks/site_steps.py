"""Steps of `make docs`: equations become MathML, which browsers show without JavaScript, and the page
of settings is filled from the config and its schema."""

import html
import re
from pathlib import Path

import yaml
from latex2mathml.converter import convert
from settings_reference import settings_page

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "<!-- settings: made from configs/config.yaml and its schema -->"
EQUATION = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
CELL = re.compile(r"<td.*?</td>", re.DOTALL)
CODE = re.compile(r"(<code[^>]*>)([^<]*)(</code>)")
IN_ARITHMATEX = re.compile(r'<(span|div) class="arithmatex">(.+?)</\1>', re.DOTALL)


def on_config(config):
    config.watch += [str(ROOT / "configs/config.yaml"), str(ROOT / "workflow/schemas")]
    return config


def on_page_markdown(markdown: str, page, config, files) -> str:
    if SETTINGS not in markdown:
        return markdown
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text("utf-8"))
    text = (ROOT / "configs/config.yaml").read_text("utf-8")
    return markdown.replace(SETTINGS, settings_page(text, schema))


def on_page_content(content: str, page, config, files) -> str:
    """HTML with equations as MathML, and code in tables that shows bars and breaks between words."""
    content = CELL.sub(lambda cell: CODE.sub(_in_cell, cell[0]), content)
    return IN_ARITHMATEX.sub(lambda found: _mathml(found[2]), content)


def _in_cell(code: re.Match) -> str:
    """Code of a table: Markdown needs `\\|` for a bar there, and long names break at . and _ alone."""
    text = re.sub(r"([._])(?=\w)", r"\1<wbr>", code[2]) if len(code[2]) > 16 else code[2]
    return code[1] + text.replace("\\|", "|") + code[3]


def _mathml(marked: str) -> str:
    found = EQUATION.search(marked)
    inline, block = found.groups()
    return convert(html.unescape(inline or block).strip(), display="inline" if inline else "block")
