"""Config files read strictly: what Snakemake's loader takes without a word, or never ends on, is refused.

Of two equal keys Snakemake keeps the last, 010 and 1:30 become 8 and 90, and it walks through aliases that
multiply. Each check raises ValueError with the file, the line, the key and the cure.
"""

import argparse
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml

MOST_BYTES = 1_000_000
MOST_LEVELS = 20  # a config has about five
MOST_VALUES = 20_000  # with what aliases repeat
MOST_DIGITS = 100

_TAG = "tag:yaml.org,2002:"
_KINDS = {"int": "a number", "float": "a number", "bool": "a boolean", "null": "null"}
_KINDS["timestamp"] = "a date"
_OCTAL = re.compile(r"[-+]?0[0-7_]+")


def check_command_line(arguments: Sequence[str] | None = None) -> None:
    """End Snakemake with a message where --configfile or --config hold what can't be meant.

    profiles/default calls it, since Snakemake reads these before the Snakefile. arguments: of the command
    line; None: of this process.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="*", default=[])
    parser.add_argument("--config", "-C", nargs="*", default=[])
    given, _ = parser.parse_known_args(arguments)
    try:
        check_config_files(given.configfile)
        _check_entries(given.config)
    except ValueError as error:
        sys.exit(f"Error: {error}")


def check_config_files(paths: Sequence[str | Path]) -> None:
    """Each file can be read by `read_config`."""
    for path in paths:
        read_config(path)


def _check_entries(entries: Sequence[str]) -> None:
    """--config holds key=value, each key once; a value in brackets is YAML."""
    seen = set()
    for entry in entries:
        key, equals, value = entry.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][\w-]*", key):
            raise ValueError(
                f"--config holds {entry!r}; expected KEY=VALUE with a key of the top level. Write what is "
                "below a section into a file with the keys that differ, and name it with --configfile."
            )
        if key in seen:
            raise ValueError(f"--config gives {key} twice; expected each key once. Remove one.")
        seen.add(key)
        if value.startswith(("{", "[")):
            _parse_yaml(value, f"--config {key}")


def read_config(path: str | Path) -> dict:
    """The keys and values of a YAML or JSON file."""
    text = _read_text(Path(path))
    config = _parse_json(text, str(path))
    if config is None:
        config = _parse_yaml(text, str(path))
    if config is None:
        raise ValueError(
            f"{path} is empty; expected keys and values. Write those that differ from configs/config.yaml, "
            "or leave the file out."
        )
    if not isinstance(config, dict):
        found = "a list" if isinstance(config, list) else "one value"
        raise ValueError(
            f"{path} holds {found}; expected keys and values, such as `run_name: mine`. "
            "Write them, one a line."
        )
    _check_texts(config, "", str(path))
    return config


def _check_texts(value, key: str, where: str) -> None:
    """No text holds what a path or a log can't: characters of control, half of a surrogate pair."""
    if isinstance(value, str):
        odd = [c for c in value if unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\r\n"]
        if odd:
            raise ValueError(
                f"{where}: {key} holds the character U+{ord(odd[0]):04X}; expected text that can be "
                "printed. Remove it."
            )
    elif isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            _check_texts(part, f"{key}.{name}".strip("."), where)


def _read_text(path: Path) -> str:
    if not path.is_file():
        found = "no file" if path.exists() else "not there"
        found = "a folder" if path.is_dir() else found
        raise ValueError(f"{path} is {found}; expected a file of YAML. Correct the path.")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(
            f"{path} has {size} bytes; expected a config of at most {MOST_BYTES}. Name another file."
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}. Correct that.") from None
    half = len(data) // 2
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data.count(b"\0") in (half, half + 1) and half:
        raise ValueError(
            f"{path} is UTF-16; expected UTF-8. Convert it: iconv -f UTF-16 -t UTF-8 {path}"
        )
    if b"\0" in data:
        raise ValueError(f"{path} is a binary file; expected YAML. Name another file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; expected UTF-8. If it is "
            f"Latin-1, convert it: iconv -f LATIN1 -t UTF-8 {path}"
        ) from None


def _parse_json(text: str, where: str):
    """What a JSON text holds; None where it is none."""
    twins = []

    def as_dict(pairs: list[tuple]) -> dict:
        counts = Counter(name for name, _ in pairs)
        twins.extend(name for name, count in counts.items() if count > 1)
        return dict(pairs)

    if not text.lstrip().startswith("{"):
        return None
    try:
        config = json.loads(text, object_pairs_hook=as_dict)
    except RecursionError:
        raise _too_deep(where) from None
    except ValueError:
        return None
    if twins:
        raise ValueError(
            f"{where} holds the key {twins[0]!r} twice; expected each key once. Remove one."
        )
    level = [config]
    for _ in range(MOST_LEVELS):
        level = [v for part in level for v in (part.values() if isinstance(part, dict) else part)]
        level = [value for value in level if isinstance(value, dict | list)]
    if level:
        raise _too_deep(where)
    return config


def _parse_yaml(text: str, where: str):
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


def _line(mark: yaml.Mark | None) -> str:
    return f", line {mark.line + 1}" if mark else ""


def _too_deep(where: str) -> ValueError:
    return ValueError(
        f"{where} is nested more than {MOST_LEVELS} levels deep; expected a config, of about five. Look for "
        "brackets that are not closed."
    )


def _check_nesting(text: str, where: str) -> None:
    """Depth and number of values with aliases written out, counted without writing them out."""
    measures = {}  # by anchor: values in what it stands for, and its levels
    places = [[None, 0, 0]]  # what is open: its anchor, values and levels so far
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            places.append([event.anchor, 1, 1])
            count, levels = 0, 0
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, count, levels = places.pop()
            measures[anchor] = count, levels
        elif isinstance(event, yaml.ScalarEvent):
            count, levels = measures[event.anchor] = 1, 0
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in [anchor for anchor, *_ in places]:
                raise ValueError(
                    f"{where}{_line(event.start_mark)}: *{event.anchor} stands inside of what it stands "
                    "for; expected an end. Write the values out."
                )
            count, levels = measures.get(event.anchor, (1, 0))
        else:
            continue
        place = places[-1]
        place[1], place[2] = place[1] + count, max(place[2], levels + 1)
        if len(places) + levels > MOST_LEVELS + 1:
            raise _too_deep(where)
        if place[1] > MOST_VALUES:
            raise ValueError(
                f"{where}{_line(event.start_mark)}: aliases multiply to more than {MOST_VALUES} values; "
                "expected a config. Write the values out."
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
    else:
        _check_scalar(node, f"{where}{_line(node.start_mark)}: {key or 'the config'}")


def _check_keys(node: yaml.MappingNode, key: str, where: str) -> None:
    """Keys are text, and there is one of each."""
    seen = {}
    for name, _ in node.value:
        place = f"{where}{_line(name.start_mark)}: {key or 'the config'} holds the key"
        kind = name.tag.removeprefix(_TAG)
        if kind not in ("str", "merge"):
            shown = repr(name.value) if isinstance(name, yaml.ScalarNode) else "in brackets"
            raise ValueError(
                f"{place} {shown}, which is {_KINDS.get(kind, 'no text')} to YAML; expected a text. Correct "
                "it, or write it in quotes where it is a name."
            )
        if name.value in seen:
            raise ValueError(
                f"{place} {name.value!r} again, after line {seen[name.value]}; expected each key once, "
                "since the last would win without a word. Remove one."
            )
        seen[name.value] = name.start_mark.line + 1


def _check_scalar(node: yaml.ScalarNode, place: str) -> None:
    """A number is read by YAML as a person reads it, and a value is of a kind that configs have."""
    kind, text = node.tag.removeprefix(_TAG), node.value
    if kind not in ("str", *_KINDS):
        raise ValueError(
            f"{place} has the tag {node.tag.replace(_TAG, '!!')}; expected a plain value. Remove the tag."
        )
    if kind not in ("int", "float", "timestamp"):
        return
    if len(text) > MOST_DIGITS:
        raise ValueError(
            f"{place} is a number of {len(text)} characters; expected {MOST_DIGITS} or fewer. Shorten it."
        )
    try:
        value = yaml.safe_load(f"!!{kind} {json.dumps(text)}")
    except ValueError as error:
        raise ValueError(
            f"{place} is {text}, which is {_KINDS[kind]} to YAML and none that exists ({error}). Correct "
            "it, or write a text in quotes."
        ) from None
    base = "of base 60" if ":" in text and kind != "timestamp" else None
    base = "octal" if kind == "int" and _OCTAL.fullmatch(text) else base
    if base:
        raise ValueError(
            f"{place} is {text}, which YAML reads as {value} ({base}); expected a decimal number without "
            f'leading zeros or colons. Write {value} if you mean that, or a text in quotes: "{text}".'
        )
