"""Rows of a data set in a file, in a folder or on the Hugging Face hub.

A row is a dict of column name to value; score.problems.checks makes problems of rows.
"""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from score.files.heads import head_of, refuse_stand_in
from score.problems.dataset_card import class_features
from score.problems.folders import choose_split, files_of_split, is_left_out
from score.problems.formats import SUFFIXES, read_file
from score.problems.tables import name_classes, rows_of


@dataclass(frozen=True)
class Source:
    """Where rows came from, for the data card.

    path: as the user gave it. sha256: of the bytes of the files read, in order; for the hub, of
    the rows as JSON. rows: number of rows read. notes: what was changed or left out on the way, with
    the number of cells, rows or files.
    """

    path: str
    split: str | None
    revision: str | None
    rows: int
    sha256: str
    notes: dict[str, int] = field(default_factory=dict)


def read_source(path: str, split=None, revision=None, cache_dir=None) -> tuple[list[dict], Source]:
    """Read all rows of one data set.

    path: a file (.jsonl, .json, .csv, each also .gz, .parquet, .arrow), a folder of such files
    named by split (score.problems.folders), a `save_to_disk` folder, or a hub name
    `owner/name[:config][@revision]`.
    split: a split's name, a slice of rows such as `[600:974]`, or both: `train[:100]`.
    ValueError names what is missing or malformed.
    """
    local, notes = Path(path).expanduser(), Counter[str]()
    if local.is_dir() or local.is_file():
        revision = None  # a local source is pinned by its checksum
        rows, digest = _read_local(local, split, notes)
    elif looks_like_path(path):
        raise ValueError(
            f"data path is {path!r}; expected an existing file or folder. "
            "A relative path starts from the folder the command runs in."
        )
    else:
        name, _, own_revision = path.partition("@")
        revision = own_revision or revision
        rows = _read_hub(name, split, revision, cache_dir, notes)
        text = json.dumps(rows, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()
    return rows, Source(path, split, revision, len(rows), digest, dict(notes))


def looks_like_path(path: str) -> bool:
    """Whether a text can only be meant as a path, so that it is never looked up on the hub."""
    name = path.lower().removesuffix(".gz")
    return path.startswith((".", "/", "~")) or name.endswith(SUFFIXES) or path.count("/") > 1


def _read_local(path: Path, split: str | None, notes: Counter) -> tuple[list[dict], str]:
    name, rows_slice = _parse_split(split)
    if path.is_file():
        if name is not None:
            raise ValueError(
                f"split is {split!r}; expected null or a slice such as '[0:100]', since {path} "
                "is one file. Name that split's own file as the path."
            )
        files, rows = [path], read_file(path, notes)
    elif (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        files, rows = _read_saved(path, name, notes)
    else:
        files = files_of_split(path, name, notes)
        rows = [row for file in files for row in read_file(file, notes)]
    name_classes(rows, class_features(path), str(path), notes)
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


def _read_saved(folder: Path, name: str | None, notes: Counter) -> tuple[list[Path], list[dict]]:
    import datasets  # slow to import, needed by few

    if (folder / "dataset_dict.json").is_file():
        refuse_stand_in(folder / "dataset_dict.json", head_of(folder / "dataset_dict.json"))
        try:
            names = json.loads((folder / "dataset_dict.json").read_text())["splits"]
        except (ValueError, KeyError) as error:
            raise ValueError(f"{folder}/dataset_dict.json is malformed: {error!r}.") from None
        folder = folder / choose_split(str(folder), name, names)
    elif name is not None:
        raise ValueError(f"split is {name!r}; expected null, since {folder} holds one saved split.")
    files = sorted(file for file in folder.glob("*.arrow") if not is_left_out(file.name))
    for file in [*folder.glob("*.json"), *files]:
        refuse_stand_in(file, head_of(file))
    try:
        saved = datasets.load_from_disk(str(folder))
        table, features = saved.with_format("arrow")[:], saved.features.to_dict()
    except Exception as error:  # the library raises many kinds
        raise ValueError(f"{folder} can't be read as a saved data set: {error}.") from error
    return files, rows_of(table, str(folder), notes, features)


def _read_hub(path: str, split, revision, cache_dir, notes: Counter) -> list[dict]:
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
        loaded = loaded[choose_split(path, None, sorted(loaded))]
    return rows_of(loaded.with_format("arrow")[:], path, notes, loaded.features.to_dict())
