"""YAML that says what a person reads in it: flat, with one text for each key, and numbers in decimals.

Each check raises ValueError with the place, the line, the key and the cure.
"""

import json
import re
from dataclasses import dataclass

import yaml

MOST_LEVELS = 20  # a config has about five
MOST_VALUES = 20_000  # with what aliases repeat
MOST_DIGITS = 100

_TAG = "tag:yaml.org,2002:"
_KINDS = {"int": "a number", "float": "a number", "bool": "a boolean", "null": "null"}
_KINDS["timestamp"] = "a date"
_OCTAL = re.compile(r"[-+]?0[0-7_]+")


def parse_yaml(text: str, where: str):
    """What a YAML text holds, once its nesting, keys and numbers are found to be plain."""
    try:
        _check_nesting(text, where)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_node(node, "", where)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ": ".join(part for part in (error.context, error.problem) if part)
        tabs = " Indent with spaces, not with tabs." if r"'\t'" in str(error.problem) else ""
        raise ValueError(
            f"{where}{_line(mark)} is not YAML: {problem}; expected `key: value`, with values in "
            f"quotes where they hold a colon or begin with a special character.{tabs} Correct it."
        ) from None
    except yaml.YAMLError as error:
        raise ValueError(f"{where} is not YAML: {error}. Name another file.") from None


def _line(mark) -> str:
    """mark: where a piece of YAML begins, None where that is not known."""
    return f", line {mark.line + 1}" if mark else ""


def too_deep(where: str) -> ValueError:
    return ValueError(
        f"{where} is nested more than {MOST_LEVELS} levels deep; expected a config, of about five. "
        "Look for brackets that are not closed."
    )


@dataclass
class _Open:
    """A collection that is open: its anchor, and its values and levels so far."""

    anchor: str | None
    values: int
    levels: int


def _check_nesting(text: str, where: str) -> None:
    """Depth and number of values with aliases written out, counted without writing them out."""
    # by anchor: values in what it stands for, and its levels
    measures: dict[str | None, tuple[int, int]] = {}
    places: list[_Open] = [_Open(None, 0, 0)]
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            places.append(_Open(event.anchor, 1, 1))
            count, levels = 0, 0
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = places.pop()
            count, levels = measures[closed.anchor] = closed.values, closed.levels
        elif isinstance(event, yaml.ScalarEvent):
            count, levels = measures[event.anchor] = 1, 0
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in [place.anchor for place in places]:
                raise ValueError(
                    f"{where}{_line(event.start_mark)}: *{event.anchor} stands inside of what it "
                    "stands for; expected an end. Write the values out."
                )
            count, levels = measures.get(event.anchor, (1, 0))
        else:
            continue
        place = places[-1]
        place.values, place.levels = place.values + count, max(place.levels, levels + 1)
        if len(places) + levels > MOST_LEVELS + 1:
            raise too_deep(where)
        if place.values > MOST_VALUES:
            raise ValueError(
                f"{where}{_line(event.start_mark)}: aliases multiply to more than {MOST_VALUES} "
                "values; expected a config. Write the values out."
            )


def _check_node(node: yaml.Node, key: str, where: str) -> None:
    if isinstance(node, yaml.MappingNode):
        _check_keys(node, key, where)
        for name, value in node.value:
            merged = name.tag == f"{_TAG}merge"
            _check_node(value, key if merged else f"{key}.{name.value}".strip("."), where)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            _check_node(value, f"{key}.{i}".strip("."), where)
    elif isinstance(node, yaml.ScalarNode):
        _check_scalar(node, f"{where}{_line(node.start_mark)}: {key or 'the config'}")


def _check_keys(node: yaml.MappingNode, key: str, where: str) -> None:
    """Keys are text, and there is one of each."""
    seen: dict = {}
    for name, _ in node.value:
        place = f"{where}{_line(name.start_mark)}: {key or 'the config'} holds the key"
        kind = name.tag.removeprefix(_TAG)
        if kind not in ("str", "merge"):
            shown = repr(name.value) if isinstance(name, yaml.ScalarNode) else "in brackets"
            raise ValueError(
                f"{place} {shown}, which is {_KINDS.get(kind, 'no text')} to YAML; expected a "
                "text. Correct it, or write it in quotes where it is a name."
            )
        if name.value in seen:
            raise ValueError(
                f"{place} {name.value!r} again, after line {seen[name.value]}; expected each key "
                "once, since the last would win without a word. Remove one."
            )
        seen[name.value] = name.start_mark.line + 1


def _check_scalar(node: yaml.ScalarNode, place: str) -> None:
    """A number is read by YAML as a person reads it, and a value is of a kind that configs have."""
    kind, text = node.tag.removeprefix(_TAG), node.value
    if kind not in ("str", *_KINDS):
        raise ValueError(
            f"{place} has the tag {node.tag.replace(_TAG, '!!')}; expected a plain value. "
            "Remove the tag."
        )
    if kind not in ("int", "float", "timestamp"):
        return
    if len(text) > MOST_DIGITS:
        raise ValueError(
            f"{place} is a number of {len(text)} characters; expected {MOST_DIGITS} or fewer. "
            "Shorten it."
        )
    try:
        value = yaml.safe_load(f"!!{kind} {json.dumps(text)}")
    except ValueError as error:
        raise ValueError(
            f"{place} is {text}, which is {_KINDS[kind]} to YAML and none that exists ({error}). "
            "Correct it, or write a text in quotes."
        ) from None
    base = "of base 60" if ":" in text and kind != "timestamp" else None
    base = "octal" if kind == "int" and _OCTAL.fullmatch(text) else base
    if base:
        raise ValueError(
            f"{place} is {text}, which YAML reads as {value} ({base}); expected a decimal number "
            f"without leading zeros or colons. Write {value} if you mean that, or a text in "
            f'quotes: "{text}".'
        )
