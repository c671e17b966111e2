"""Rows of Arrow tables: Parquet, Arrow and saved data sets, and those of the hub.

Class numbers become their names, wherever the `datasets` library says that a column holds such; a
float of 32 bits keeps its own digits (0.1, not 0.10000000149011612).
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from score.problems.numbers import WrittenFloat, number_text


def read_columns(path: Path, notes: Counter) -> list[dict]:
    """Rows of a .parquet or .arrow file. ValueError names what can't be read."""
    import pyarrow as pa  # needed by few
    import pyarrow.parquet as pq

    suffix = path.suffix.lower()[1:]
    try:
        if suffix == "parquet":
            with pq.ParquetFile(path) as file:  # unlike read_table, reads no columns from the path
                table = file.read()
        else:
            with pa.memory_map(str(path)) as source:
                try:
                    table = pa.ipc.open_file(source).read_all()
                except pa.ArrowInvalid:  # the streaming form, which `datasets` writes
                    source.seek(0)
                    table = pa.ipc.open_stream(source).read_all()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().rstrip(".")
        raise ValueError(
            f"{path} can't be read as {suffix}: {reason}. Fetch or write it again, whole."
        ) from None
    return rows_of(table, str(path), notes)


def rows_of(table, where: str, notes: Counter, features: dict | None = None) -> list[dict]:
    """Rows of a pyarrow.Table.

    features: the columns as `datasets` describes them (Features.to_dict()); by default what the table
    itself says. notes: cells that became names are counted here. ValueError for two columns of one name.
    """
    refuse_twins(table.column_names, where)
    if features is None:
        told = (table.schema.metadata or {}).get(b"huggingface", b"{}")
        features = json.loads(told).get("info", {}).get("features") or {}
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            narrow, cells = _narrow(column.type), column.to_pylist()
        except ValueError as error:  # such as an object with two fields of one name
            raise ValueError(
                f"{where}: column {name!r} can't be read: {error}. Correct it."
            ) from None
        columns[name] = cells if narrow is None else [narrow(cell) for cell in cells]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    name_classes(rows, features, where, notes)
    return rows


def name_classes(rows: list[dict], features: dict, where: str, notes: Counter) -> None:
    """Give class numbers their names, in place, in the columns that `features` describes as such.

    features: as Features.to_dict() has them. notes: cells that were changed are counted here.
    ValueError for a number without a name.
    """
    for column, feature in features.items():
        name, found = _names(feature), Counter[str]()
        if name is None:
            continue
        for row in rows:
            try:
                row |= {column: name(row[column], found)} if column in row else {}
            except IndexError as error:
                raise ValueError(f"{where}: column {column!r} holds {error}. Correct it.") from None
        if found:
            shown = ", ".join([*found][:5]) + (", …" if len(found) > 5 else "")
            notes[f"class numbers of column {column!r} became names ({shown})"] += found.total()


def refuse_twins(names: list[str], where: str) -> None:
    """ValueError where a name is there twice; unnamed columns are no names."""
    twins = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if twins:
        raise ValueError(
            f"{where}: columns {twins} are there more than once among {names}; expected each name "
            "once, since one column would hide another. Rename or remove all but one."
        )


def _in(fields: dict[str, Callable | None], each: Callable | None) -> Callable | None:
    """A function for cells that are lists of what `each` takes, or objects of what `fields` take."""
    held = {name: function for name, function in fields.items() if function is not None}
    if each is None and not held:
        return None

    def convert(cell, *more):
        if isinstance(cell, list):
            return [convert(one, *more) if each is None else each(one, *more) for one in cell]
        if isinstance(cell, dict):
            return cell | {name: function(cell[name], *more) for name, function in held.items()}
        return cell

    return convert


def _narrow(kind) -> Callable | None:
    """A function that gives floats below 64 bits in a cell their own digits; None without such."""
    import pyarrow as pa

    if pa.types.is_floating(kind) and kind.bit_width < 64:
        return partial(_short, kind.bit_width)
    if pa.types.is_dictionary(kind):
        return _narrow(kind.value_type)
    if pa.types.is_struct(kind):
        return _in({field.name: _narrow(field.type) for field in kind.fields}, None)
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return _in({}, _narrow(kind.value_type)) if any(test(kind) for test in lists) else None


def _short(bits: int, cell: float | None) -> float | None:
    import numpy as np

    kind = np.float16 if bits == 16 else np.float32
    return None if cell is None else WrittenFloat(number_text(kind(cell)), cell)


def _names(feature) -> Callable | None:
    """A function that gives class numbers in a cell their names; None where a feature holds none.

    feature: as Features.to_dict() has it. -1 is a missing class. The function counts names in its
    second argument, and raises IndexError for a number without a name.
    """
    if isinstance(feature, list):
        return _in({}, _names(feature[0]))
    if not isinstance(feature, dict):
        return None
    if feature.get("_type") == "ClassLabel":
        return lambda cell, found: _name(feature["names"], cell, found)
    if "_type" in feature and "feature" in feature:  # Sequence, List, LargeList
        inner = feature["feature"]
        if isinstance(inner, dict) and "_type" not in inner:  # stored as an object of lists
            return _in({key: _names([one]) for key, one in inner.items()}, None)
        return _in({}, _names(inner))
    if "_type" in feature:
        return None
    return _in({key: _names(one) for key, one in feature.items()}, None)


def _name(names: list[str], cell, found: Counter):
    if isinstance(cell, str) and cell not in names and re.fullmatch(r"-?\d+", cell):
        cell = int(cell)  # of CSV
    if not isinstance(cell, int) or cell == -1:
        return None if cell == -1 else cell
    if not 0 <= cell < len(names):
        raise IndexError(f"class number {cell}; expected one below {len(names)}, of {names[:5]}")
    found[names[cell]] += 1
    return names[cell]
