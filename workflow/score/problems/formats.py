"""Rows of one file, by its ending: JSON Lines, JSON, CSV (also gzipped), Parquet and Arrow."""

import csv
import gzip
import io
import sys
import zlib
from collections import Counter
from pathlib import Path

from score.files.heads import HEAD, head_of, refuse_stand_in
from score.problems.json_rows import read_json
from score.problems.tables import read_columns, refuse_twins

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet", ".arrow")
_COLUMNS = (".parquet", ".arrow")
_MARKS = {  # what a file starts with that is of another kind than its ending says
    b"PAR1": "is Parquet; rename it so that it ends in .parquet",
    b"ARROW1": "is Arrow; rename it so that it ends in .arrow",
    b"\x1f\x8b": "is gzipped; rename it so that it ends in .gz, or unpack it",
    b"\x00\x05\x16\x07": "is what macOS keeps beside a file; name the file without ._ in front",
    b"PK\x03\x04": "is a zip archive or a spreadsheet; unpack it, or save it as CSV",
}
_ENCODINGS = {  # by byte order mark, of which that of UTF-32 begins like that of UTF-16
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


def plain_stem(name: str) -> str | None:
    """A file name without its known suffixes; None for a name without one."""
    plain = name[:-3] if name.lower().endswith(".gz") else name
    suffix = next((s for s in SUFFIXES if plain.lower().endswith(s)), None)
    return plain[: -len(suffix)] or None if suffix else None


def read_file(path: Path, notes: Counter | None = None) -> list[dict]:
    """Rows of one file in the format of its suffix. ValueError names what is malformed, and where.

    notes: what had to be changed on the way is counted here, by what it is.
    """
    notes = Counter() if notes is None else notes
    name = path.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix not in SUFFIXES or (name.endswith(".gz") and suffix in _COLUMNS):
        raise ValueError(
            f"{path} has an unknown ending; expected {', '.join(SUFFIXES)} (text also .gz). "
            "Convert or rename the file."
        )
    try:
        head = head_of(path)
        data = b"" if suffix in _COLUMNS else path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}. Fetch it again.") from None
    if not head:
        raise ValueError(f"{path} has no rows: it is empty, 0 bytes. Fetch or write it again.")
    refuse_stand_in(path, head)
    if name.endswith(".gz"):
        data = _unzipped(path, data)
        head = data[:HEAD]
        refuse_stand_in(path, head)
    for mark, kind in _MARKS.items():
        if head.startswith(mark) and f"ends in {suffix}" not in kind:
            raise ValueError(f"{path} {kind}. Its ending {suffix} says otherwise.")
    if suffix in _COLUMNS:
        return read_columns(path, notes)
    text = _decoded(path, data, notes)
    return _read_csv(path, text) if suffix == ".csv" else read_json(text, path, suffix, notes)


def _unzipped(path: Path, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}. Fetch it again.") from None


def _decoded(path: Path, data: bytes, notes: Counter) -> str:
    encoding = next((_ENCODINGS[mark] for mark in _ENCODINGS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        name = encoding.upper().removesuffix("-SIG")
        raise ValueError(
            f"{path}, line {line}: not {name} ({error.reason} at byte {error.start} of the file). "
            f"Convert it, with the encoding that it has: `iconv -f LATIN1 -t UTF-8 {path} >new`."
        ) from None
    if "\x00" in text[:HEAD]:
        raise ValueError(
            f"{path}: not UTF-8 (it holds NUL characters, as UTF-16 does). Convert it: "
            f"`iconv -f UTF-16LE -t UTF-8 {path} >new`."
        )
    if encoding.startswith(("utf-16", "utf-32")):
        notes[f"files read as {encoding.upper()}, by their byte order mark"] += 1
    return text.lstrip("\ufeff")  # a second mark, of files that were joined


def _read_csv(path: Path, text: str) -> list[dict]:
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        columns = next(filter(None, reader), [])
        refuse_twins(columns, str(path))
        other = next((mark for mark in ";\t" if len(columns) == 1 and mark in columns[0]), None)
        if other is not None:
            raise csv.Error(f"its columns are separated by {other!r}; expected commas")
        for row in filter(None, reader):
            if len(row) > len(columns):
                raise csv.Error("more fields than the header has columns")
            rows.append(dict(zip(columns, row, strict=False)))
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: not valid CSV ({error}).") from None
    return rows
