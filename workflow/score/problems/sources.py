"""Rows of a data set in a file, in a folder or on the Hugging Face hub.

A row is a dict of column name to value; score.problems.checks makes problems of rows.
"""

import csv
import gzip
import hashlib
import io
import json
import re
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet", ".arrow")


@dataclass(frozen=True)
class Source:
    """Where rows came from, for the data card.

    path: as the user gave it. sha256: of the bytes of the files read, in order; for the hub, of
    the rows as JSON. rows: number of rows read.
    """

    path: str
    split: str | None
    revision: str | None
    rows: int
    sha256: str


def read_source(path: str, split=None, revision=None, cache_dir=None) -> tuple[list[dict], Source]:
    """Read all rows of one data set.

    path: a file (.jsonl, .json, .csv, each also .gz, .parquet, .arrow), a folder of such files
    named by split, a `save_to_disk` folder, or a hub name `owner/name[:config][@revision]`.
    split: a split's name, a slice of rows such as `[600:974]`, or both: `train[:100]`.
    ValueError names what is missing or malformed.
    """
    local = Path(path).expanduser()
    if local.is_dir() or local.is_file():
        revision = None  # a local source is pinned by its checksum
        rows, digest = _read_local(local, split)
    elif looks_like_path(path):
        raise ValueError(
            f"data path is {path!r}; expected an existing file or folder. "
            "A relative path starts from the folder the command runs in."
        )
    else:
        name, _, own_revision = path.partition("@")
        revision = own_revision or revision
        rows = _read_hub(name, split, revision, cache_dir)
        text = json.dumps(rows, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()
    return rows, Source(path, split, revision, len(rows), digest)


def looks_like_path(path: str) -> bool:
    """Whether a text can only be meant as a path, so that it is never looked up on the hub."""
    name = path.lower().removesuffix(".gz")
    return path.startswith((".", "/", "~")) or name.endswith(SUFFIXES) or path.count("/") > 1


def _read_local(path: Path, split: str | None) -> tuple[list[dict], str]:
    name, rows_slice = _parse_split(split)
    if path.is_file():
        if name is not None:
            raise ValueError(
                f"split is {split!r}; expected null or a slice such as '[0:100]', since {path} "
                "is one file. Name that split's own file as the path."
            )
        files, rows = [path], read_file(path)
    elif (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        files, rows = _read_saved(path, name)
    else:
        files = _split_files(path, name)
        rows = [row for file in files for row in read_file(file)]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return rows[rows_slice], digest.hexdigest()


def _parse_split(split: str | None) -> tuple[str | None, slice]:
    match = re.fullmatch(r"([\w.-]+)?(?:\[(-?\d+)?:(-?\d+)?\])?", split or "")
    if match is None:
        raise ValueError(
            f"split is {split!r}; expected a name, a slice of rows, or both: "
            "'train', '[600:974]', 'train[:100]'."
        )
    name, start, stop = match.groups()
    return name, slice(start and int(start), stop and int(stop))


def _split_files(folder: Path, name: str | None) -> list[Path]:
    """The folder's files of one split: `train.jsonl`, or shards `train-00000-of-00002.parquet`."""
    by_split: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        stem = plain_stem(file.name)
        if stem is not None and file.is_file():
            by_split.setdefault(re.sub(r"-\d+-of-\d+$", "", stem), []).append(file)
    return by_split[_choose_split(str(folder), name, sorted(by_split))]


def plain_stem(name: str) -> str | None:
    """A file name without its known suffixes; None for a name without one."""
    plain = name.removesuffix(".gz")
    suffix = next((s for s in SUFFIXES if plain.lower().endswith(s)), None)
    return plain[: -len(suffix)] or None if suffix else None


def _choose_split(where: str, name: str | None, names: list[str]) -> str:
    if name in names:
        return name
    if name is None and len(names) == 1:
        return names[0]
    cure = "Name one of them." if names else f"Put a file ending in {', '.join(SUFFIXES)} there."
    raise ValueError(f"split is {name!r}; expected one of {names}, found in {where}. {cure}")


def _read_saved(folder: Path, name: str | None) -> tuple[list[Path], list[dict]]:
    import datasets  # slow to import, needed by few

    if (folder / "dataset_dict.json").is_file():
        try:
            names = json.loads((folder / "dataset_dict.json").read_text())["splits"]
        except (ValueError, KeyError) as error:
            raise ValueError(f"{folder}/dataset_dict.json is malformed: {error!r}.") from None
        folder = folder / _choose_split(str(folder), name, names)
    elif name is not None:
        raise ValueError(f"split is {name!r}; expected null, since {folder} holds one saved split.")
    try:
        rows = datasets.load_from_disk(str(folder)).to_list()
    except Exception as error:  # the library raises many kinds
        raise ValueError(f"{folder} can't be read as a saved data set: {error}.") from error
    return sorted(folder.glob("*.arrow")), rows


def _read_hub(path: str, split, revision, cache_dir) -> list[dict]:
    import datasets  # slow to import, needed by few

    name, _, config = path.partition(":")
    try:
        loaded = datasets.load_dataset(
            name, config or None, split=split, revision=revision, cache_dir=cache_dir
        )
    except Exception as error:  # network, name, config and split errors are of many kinds
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise ValueError(
            f"data path is {path!r}; expected a data set on the Hugging Face hub, since no such "
            f"file or folder exists here. Loading failed ({type(error).__name__}: {reason}). "
            "Check the name ('owner/name' or 'owner/name:config'), the split, the revision and "
            "the network, or give the path of a downloaded copy."
        ) from error
    if split is None:
        loaded = loaded[_choose_split(path, None, sorted(loaded))]
    return loaded.to_list()


def read_file(path: Path) -> list[dict]:
    """Rows of one file in the format of its suffix. ValueError names what is malformed, and where."""
    name = path.name.lower()
    text_name = name.removesuffix(".gz")
    if name.endswith((".parquet", ".arrow")):
        return _read_columns(path)
    if not text_name.endswith((".jsonl", ".json", ".csv")):
        raise ValueError(
            f"{path} has an unknown ending; expected {', '.join(SUFFIXES)} (text also .gz). "
            "Convert or rename the file."
        )
    data = path.read_bytes()
    if path.name.endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is not a whole gzip file: {error}. Fetch it again.") from None
    if text_name.endswith(".csv"):
        return _read_csv(path, data)
    if text_name.endswith(".json") and data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":
        return _rows_from(_parse_json(data, f"{path}"), path)
    return _read_json_lines(path, data)


def _read_json_lines(path: Path, data: bytes) -> list[dict]:
    rows = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            rows += _rows_from([_parse_json(line, where)], where)
    return rows


def _parse_json(data: bytes, where: str):
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: not UTF-8 ({error.reason} at byte {error.start}).") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not valid JSON ({error}). Correct or remove it.") from None


def _rows_from(values: list, where) -> list[dict]:
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            which = where if len(values) == 1 else f"{where}, row {number}"
            raise ValueError(
                f"{which}: row is of type {type(value).__name__}; expected an object of columns."
            )
    return values


def _read_csv(path: Path, data: bytes) -> list[dict]:
    csv.field_size_limit(sys.maxsize)
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = []
        for row in reader:
            if None in row:
                raise ValueError("more fields than the header has columns")
            rows.append({name: value for name, value in row.items() if value is not None})
    except (ValueError, csv.Error) as error:
        line = "" if isinstance(error, UnicodeDecodeError) else f", line {reader.line_num}"
        raise ValueError(f"{path}{line}: not valid CSV ({error}).") from None
    return rows


def _read_columns(path: Path) -> list[dict]:
    import pyarrow as pa  # needed by few
    import pyarrow.parquet as pq

    try:
        if path.name.lower().endswith(".parquet"):
            return pq.read_table(path).to_pylist()
        with pa.memory_map(str(path)) as source:
            try:
                return pa.ipc.open_file(source).read_all().to_pylist()
            except pa.ArrowInvalid:  # the streaming form, which `datasets` writes
                source.seek(0)
                return pa.ipc.open_stream(source).read_all().to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} can't be read as {path.suffix[1:]}: {error}.") from None
