"""Config files read strictly, since Snakemake's own loader is not strict.

Of two equal keys it keeps the last without a word, it reads 010 and 1:30 as 8 and 90, and it does
not end on aliases that multiply. Each check here raises ValueError with the file, the line, the key
and the cure.
"""

import argparse
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from score.experiment.plain_yaml import MOST_LEVELS, parse_yaml, too_deep
from score.files.visible import visible_lines

_DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
MOST_BYTES = 1_000_000
_SNAKEMAKES = ("pathvars", "__use_yte__")  # keys that it acts on before the Snakefile sees them


def check_command_line(arguments: Sequence[str] | None = None) -> None:
    """End Snakemake with a message where --configfile or --config hold what can't be meant.

    profiles/default calls it, since Snakemake reads these before the Snakefile.
    arguments: of the command line; None: of this process.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="*", default=[])
    parser.add_argument("--config", "-C", nargs="*", default=[])
    given, _ = parser.parse_known_args(arguments)
    try:
        check_config_files(given.configfile)
        _check_entries(given.config)
    except ValueError as error:
        sys.exit(f"Error: {visible_lines(str(error))}")


def check_config_files(paths: Sequence[str | Path]) -> None:
    """Each file can be read by `read_config`, and says nothing to Snakemake itself."""
    for path in paths:
        for key in read_config(path):
            _refuse_snakemakes(key, str(path))


def _refuse_snakemakes(key: str, where: str) -> None:
    if key in _SNAKEMAKES:
        raise ValueError(
            f"{where} holds the key {key!r}, which Snakemake takes for itself; expected only keys of "
            "configs/config.yaml. Remove it."
        )


def _check_entries(entries: Sequence[str]) -> None:
    """--config holds key=value, each key once; a value in brackets is YAML."""
    seen = set()
    for entry in entries:
        key, equals, value = entry.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][\w-]*\w", key):
            section, dot, name = key.partition(".")
            nested = (
                f"{section}: {{{name.replace('.', ': {')}: {value}{'}' * (1 + name.count('.'))}"
            )
            example = f", here `{nested}`" if equals and dot and section and name else ""
            raise ValueError(
                f"--config holds {entry!r}; expected KEY=VALUE with a key of the top level. Write "
                f"what is below a section into a file with the keys that differ{example}, and name it "
                "with --configfile."
            )
        if key in seen:
            raise ValueError(f"--config gives {key} twice; expected each key once. Remove one.")
        seen.add(key)
        _refuse_snakemakes(key, "--config")
        _check_texts(value, key, "--config")
        if value.startswith(("{", "[")):
            parse_yaml(value, f"--config {key}")


def read_config(path: str | Path) -> dict:
    """The keys and values of a YAML or JSON file."""
    text = _read_text(Path(path))
    config = _parse_json(text, str(path))
    if config is None:
        config = parse_yaml(text, str(path))
    if config is None:
        raise ValueError(
            f"{path} is empty; expected keys and values. Write those that differ from "
            "configs/config.yaml, or leave the file out."
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
    """No text holds what a path or a log can't: characters of control, half of a surrogate pair, and
    directions that reorder the text after them, which prompts may have.
    """
    if isinstance(value, str):
        odd = [c for c in value if unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\r\n"]
        odd += [c for c in value if c in _DIRECTIONS and not key.startswith("prompts.")]
        if odd:
            raise ValueError(
                f"{where}: {key} holds the character U+{ord(odd[0]):04X}; expected text that can "
                "be printed. Remove it."
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
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if marked or (b"\0" in data and data.count(b"\0") == len(data) // 2):
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
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; expected UTF-8. If "
            f"it is Latin-1, convert it: iconv -f LATIN1 -t UTF-8 {path}"
        ) from None


def _parse_json(text: str, where: str):
    """What a JSON text holds; None where it is none."""
    twins: list[str] = []

    def as_dict(pairs: list[tuple]) -> dict:
        counts = Counter(name for name, _ in pairs)
        twins.extend(name for name, count in counts.items() if count > 1)
        return dict(pairs)

    if not text.lstrip().startswith("{"):
        return None
    try:
        config = json.loads(text, object_pairs_hook=as_dict)
    except RecursionError:
        raise too_deep(where) from None
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
        raise too_deep(where)
    return config
