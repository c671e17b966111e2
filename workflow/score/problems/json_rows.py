"""Rows in a text of JSON: a line each, a list of objects, or a dictionary of columns.

What pandas and others write is read by its shape, in this order:

    one object a line, or objects one after the other        rows
    [{"q": …, "a": …}, …]                                    rows
    {"data": [{…}, …], "version": …}                         the rows below "data" (or rows, examples, …)
    {"q": […], "a": […]}, lists of one length                columns
    {"q": {"0": …}, "a": {"0": …}}                           columns, as DataFrame.to_json() writes them
    {"columns": […], "data": [[…], …]}                       columns, with orient="split"
    {"p1": {"q": …, "a": …}, …}                              rows by a key, which is left out
    {"q": …, "a": …}                                         one row

A number keeps its digits. A key that an object has twice is refused.
"""

import json
import re
from collections import Counter
from pathlib import Path

from score.problems.numbers import WrittenFloat

_SPACE = re.compile(r"\s*")
_ROWS = "data rows examples instances problems questions items records samples".split()
SHAPES = "expected objects of columns, one a line or in a list, or one object of columns"


def read_json(text: str, path: Path, suffix: str, notes: Counter) -> list[dict]:
    """The rows in a text. ValueError names the file, and the line or row that is malformed.

    suffix: .jsonl, where a line that is no JSON is to blame, or .json. notes: counts of what was read in
    another shape than rows.
    """
    lines = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        return []
    first = _parsed(lines[0][1], f"{path}, line {lines[0][0]}")
    if len(lines) > 1 and not isinstance(first, ValueError):
        return _of_lines(lines, path)
    values = _documents(text, path)
    if isinstance(values, ValueError):
        raise first if suffix == ".jsonl" and isinstance(first, ValueError) else values
    if len(values) > 1:
        return _objects(values, str(path))
    return _of_document(values[0], str(path), notes)


def _of_lines(lines: list[tuple[int, str]], path: Path) -> list[dict]:
    rows = []
    for number, line in lines:
        where = f"{path}, line {number}"
        value = _parsed(line, where)
        if isinstance(value, ValueError):
            raise value
        rows += _objects([value], where)
    return rows


def _of_document(value, where: str, notes: Counter) -> list[dict]:
    """The rows of one JSON value, by its shape (see above)."""
    if isinstance(value, list):
        return _objects(value, where)
    if not isinstance(value, dict) or not value:
        return _objects([value], where)
    if set(value) <= {"columns", "index", "data"} and {"columns", "data"} <= set(value):
        return _of_split(value, where, notes)
    wrapped = [key for key in value if key in _ROWS and _holds_rows(value[key])]
    if len(wrapped) == 1 or (len(value) == 1 and _is_list_of_objects(*value.values())):
        key = wrapped[0] if wrapped else next(iter(value))
        left = sorted(set(value) - {key})
        if left:
            notes[f"keys beside {key!r} in a JSON object left out ({', '.join(left)})"] += len(left)
        return _of_document(value[key], where, notes)
    tables = [key for key in value if _is_list_of_objects(value[key])]
    if len(tables) == len(value):
        raise ValueError(
            f"{where}: holds several lists of rows, {tables}; expected one. Write each into a file of "
            "its own: train.json, test.json."
        )
    if all(isinstance(cells, list) for cells in value.values()):
        return _of_columns(value, where, notes)
    if all(isinstance(cells, dict) and cells for cells in value.values()):
        return _of_dictionaries(value, where, notes)
    return [value]


def _of_split(value: dict, where: str, notes: Counter) -> list[dict]:
    names, cells = value["columns"], value["data"]
    lists = isinstance(names, list) and isinstance(cells, list)
    if not lists or not all(isinstance(row, list) and len(row) == len(names) for row in cells):
        raise ValueError(f"{where}: data are not lists as long as columns; {SHAPES}.")
    return _of_columns(
        dict(zip(names, map(list, zip(*cells, strict=True)), strict=True)), where, notes
    )


def _of_columns(columns: dict[str, list], where: str, notes: Counter) -> list[dict]:
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(
            f"{where}: holds lists of different lengths, {lengths}; {SHAPES}. Complete the columns, or "
            "put [ ] around the object if it is one row."
        )
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    notes["rows read from a JSON dictionary of columns"] += len(rows)
    return rows


def _of_dictionaries(value: dict[str, dict], where: str, notes: Counter) -> list[dict]:
    inner = list(value.values())
    if all(set(cells) == set(inner[0]) for cells in inner) and all(map(str.isdigit, inner[0])):
        return _of_columns(
            {name: [c[k] for k in inner[0]] for name, c in value.items()}, where, notes
        )
    notes["rows read from a JSON dictionary of rows, whose keys are left out"] += len(inner)
    return inner


def _is_list_of_objects(value) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _holds_rows(value) -> bool:
    """Whether a value may be a table in an object, rather than a cell."""
    return isinstance(value, dict) or _is_list_of_objects(value)


def _objects(values: list, where: str) -> list[dict]:
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            which = where if len(values) == 1 else f"{where}, row {number}"
            raise ValueError(f"{which}: row is of type {type(value).__name__}; {SHAPES}.")
    return values


def _object(pairs: list[tuple]) -> dict:
    value = dict(pairs)
    if len(value) < len(pairs):
        twins = sorted(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _TwinKeys(f"an object has the keys {twins} more than once")
    return value


class _TwinKeys(ValueError):
    """Told apart, since such a line is JSON, but of which nobody knows what it says."""


_DECODER = json.JSONDecoder(parse_float=WrittenFloat, object_pairs_hook=_object)


def _parsed(text: str, where: str):
    """The JSON value of a text, or the ValueError that names where it is none."""
    try:
        return _DECODER.decode(text.strip("\ufeff \t\r\n"))
    except _TwinKeys as error:
        return ValueError(f"{where}: {error}; expected each once. Remove all but one.")
    except (ValueError, RecursionError) as error:
        return ValueError(f"{where}: not valid JSON ({error}). Correct or remove it.")


def _documents(text: str, path: Path) -> list | ValueError:
    """The JSON values in a text, one after the other, or the ValueError that names the line."""
    values: list = []
    at = 0
    while (space := _SPACE.match(text, at)) and (start := space.end()) < len(text):
        try:
            value, at = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            fault = text.count("\n", 0, getattr(error, "pos", start)) + 1
            if isinstance(error, _TwinKeys):
                return ValueError(f"{path}, after line {fault}: {error}. Remove all but one.")
            reason = getattr(error, "msg", error)
            return ValueError(
                f"{path}, line {fault}: not valid JSON ({reason}). Correct or remove it."
            )
        values.append(value)
    return values
