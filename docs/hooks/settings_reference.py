"""The settings reference, made from configs/config.yaml and workflow/schemas/config.schema.yaml.

Defaults, meanings and the paper's values come from the config's lines and comments, what is allowed
from the schema, so that the page says what holds.
"""

import html
import re
from dataclasses import dataclass, field

KEY = re.compile(r"^( *)([A-Za-z_]\w*):(?: +(?!#)(.+?))?(?: +# (.*))?$")
COMMENT = re.compile(r"^ *# (.*)$")


@dataclass
class Setting:
    """One line of the config. path: keys from its section on. value: as written, None of a mapping."""

    path: list[str]
    value: str | None
    meaning: str


@dataclass
class Section:
    """A mapping of the config's top level, or "" for the settings that stand there alone."""

    name: str
    intro: list[str]
    settings: list[Setting] = field(default_factory=list)


def read_sections(text: str) -> list[Section]:
    """The sections of a config file, each with what its comments say."""
    run = Section("", [])
    sections, section, intro = [run], run, []
    parents: list[tuple[int, str]] = []
    last, blank = None, True
    for line in text.splitlines():
        comment, key = COMMENT.match(line), KEY.match(line)
        if comment and (blank or last is None):
            intro.append(comment[1])
            last = None
        elif comment:
            last.meaning += " " + comment[1]
        elif key:
            indent, name = len(key[1]), key[2]
            parents = [parent for parent in parents if parent[0] < indent]
            last = Setting([n for _, n in parents[1:]] + [name], key[3], key[4] or "")
            if indent == 0 and key[3] in (None, "{}"):
                section = Section(name, _paragraphs([*intro, "", last.meaning]))
                sections.append(section)
                intro, parents = [], [(0, name)]
            elif indent == 0:
                last.path, parents = [name], []
                run.intro, intro = run.intro + _paragraphs(intro), []
                run.settings.append(last)
            else:
                section.settings.append(last)
                parents.append((indent, name))
        elif not line.strip():
            intro.append("")
        blank = not line.strip()
    return sections


def _paragraphs(lines: list[str]) -> list[str]:
    texts = "\n".join(lines).split("\n\n")
    return [" ".join(text.split()) for text in texts if text.strip()]


def settings_page(config: str, schema: dict) -> str:
    """Markdown with a table for each section. config: text of config.yaml; schema: what may be said."""
    parts = []
    for section in read_sections(config):
        known = _resolve(schema["properties"].get(section.name, schema), schema)
        if section.name == "policies":
            continue
        parts.append(f"## `{section.name}`" if section.name else "## The run")
        if section.name:
            parts += [_prose(text) for text in section.intro]
        if section.settings:
            parts.append(_table(section, known, schema))
    return "\n\n".join(parts) + "\n"


def _table(section: Section, known: dict, schema: dict) -> str:
    lines = ["| Setting | Meaning, and what is allowed |", "| --- | --- |"]
    for one in section.settings:
        rule = known
        for name in one.path:
            rule = _resolve(rule["properties"][name], schema)
        path = ".".join(one.path)
        anchor = "-".join([section.name or "run", *one.path])
        shown = f"`{path}`{{#{anchor}}}"
        if one.value is not None:
            shown += f" `{one.value}`{{.default}}"
        means = _prose(one.meaning) or "its settings:"
        cells = (shown, f"{means}<br><small>{_prose(allowed(rule, schema))}</small>")
        lines.append("| " + " | ".join(cell.replace("|", "&#124;") for cell in cells) + " |")
    return "\n".join(lines)


def _resolve(rule: dict, schema: dict) -> dict:
    while "$ref" in rule:
        found = schema
        for name in rule["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        rule = found
    return rule


def allowed(rule: dict, schema: dict) -> str:
    """What a rule of the schema allows, in words."""
    rule = _resolve(rule, schema)
    if "anyOf" in rule:
        return " or ".join(allowed(one, schema) for one in rule["anyOf"])
    if "const" in rule:
        return f"`{_yaml(rule['const'])}`"
    if "enum" in rule:
        return ", ".join(f"`{_yaml(value)}`" for value in rule["enum"])
    types = rule.get("type", [])
    types = [types] if isinstance(types, str) else types
    return " or ".join(_of_type(kind, rule, schema) for kind in types)


def _of_type(kind: str, rule: dict, schema: dict) -> str:
    if kind in ("integer", "number"):
        return ("whole number" if kind == "integer" else "number") + _range(rule)
    if kind == "string":
        return rule.get("description", "text")
    if kind == "array":
        items = allowed(rule["items"], schema)
        return "list of settings" if items == "mapping" else f"list of: {items}"
    return {"boolean": "true or false", "null": "null", "object": "mapping"}[kind]


def _range(rule: dict) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
    words["exclusiveMaximum"] = "below"
    limits = [f"{word} {_number(rule[name])}" for name, word in words.items() if name in rule]
    return f", {' and '.join(limits)}" if limits else ""


def _number(value) -> str:
    return f"{value:,}" if value >= 10_000 else str(value)


def _yaml(value) -> str:
    return {None: "null", True: "true", False: "false"}.get(value, str(value))


def _prose(text: str) -> str:
    """Text of a comment as Markdown that shows it as it is, but for what stands in backticks."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(
        piece
        if piece.startswith("`")
        else re.sub(r"([\\*_\[\]])", r"\\\1", html.escape(piece, False))
        for piece in pieces
    )
