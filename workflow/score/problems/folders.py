"""Which files of a folder are a split: of a folder by hand, and of what `hf download` leaves behind.

    train.jsonl, test.csv                              named by split
    train-00000-of-00002.parquet, …                    in shards, all of which must be there
    data/train-00000-of-00002.parquet, README.md       in `data`
    train/0000.parquet, test/0000.parquet              a folder a split
    main/train-00000-of-00001.parquet, socratic/…      a folder a configuration: one is named as the path

Hidden files are left out (`._train.jsonl` of macOS, `.cache` of the hub), and so is what describes data.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from score.problems.formats import SUFFIXES, plain_stem

_SHARD = re.compile(r"(.*)-(\d+)-of-(\d+)(?:-[0-9a-f]{16})?")
_SPLITS = {"train", "training", "test", "testing", "validation", "valid", "val", "dev", "eval"}
_DESCRIPTIONS = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")


@dataclass
class _Found:
    """splits: files by the split they are of. configs: folders that hold splits of their own."""

    splits: dict[str, list[Path]] = field(default_factory=dict)
    configs: list[Path] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)


def is_left_out(name: str) -> bool:
    """Whether a file or folder of that name is nobody's data: hidden, or made by macOS or Windows."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def files_of_split(folder: Path, name: str | None, notes: Counter) -> list[Path]:
    """The files of one split, in order. ValueError where there is no such split, or not all of it.

    name: None where there is only one. notes: hidden files are counted here.
    """
    found = _look(folder)
    while not found.splits and len(found.configs) == 1:
        folder, found = found.configs[0], _look(found.configs[0])
    if not found.splits and found.configs:
        raise ValueError(
            f"{folder} holds several configurations; expected one. Name one of them as the path: "
            f"{', '.join(map(str, found.configs))}."
        )
    if found.left_out:
        names = ", ".join(sorted({str(file.relative_to(folder)) for file in found.left_out})[:5])
        notes[f"hidden files left out ({names})"] += len(found.left_out)
    files = found.splits[
        choose_split(str(folder), _alike(name, found.splits), sorted(found.splits))
    ]
    _refuse_gaps(files)
    return files


def choose_split(where: str, name: str | None, names: list[str]) -> str:
    """The split of that name; without one the only one. ValueError lists those that there are."""
    if name in names:
        return name
    if name is None and len(names) == 1:
        return names[0]
    cure = "Name one of them." if names else f"Put a file ending in {', '.join(SUFFIXES)} there."
    raise ValueError(f"split is {name!r}; expected one of {names}, found in {where}. {cure}")


def _look(folder: Path, deeper: int = 3) -> _Found:
    """What is in a folder and, so many levels `deeper`, in the folders below it."""
    found, folders = _Found(), []
    for entry in sorted(folder.iterdir()):
        if is_left_out(entry.name):
            found.left_out += _hidden_data(entry)
        elif entry.is_dir():
            folders.append(entry)
        elif plain_stem(entry.name) is not None and entry.name not in _DESCRIPTIONS:
            found.splits.setdefault(_split_of(entry), []).append(entry)
    named = bool(found.splits)  # where files are named by split, a folder `backup` is not a split
    for below in folders if deeper else []:
        if not named or below.name == "data" or below.name.lower() in _SPLITS:
            _add_folder(below, _look(below, deeper - 1), found)
    return found


def _add_folder(folder: Path, below: _Found, found: _Found) -> None:
    found.left_out += below.left_out
    if folder.name == "data":
        for split, files in below.splits.items():
            found.splits.setdefault(split, []).extend(files)
        found.configs += below.configs
        return
    by_name = folder.name.lower() in _SPLITS
    if below.configs or (not by_name and any(_SPLITS & _words(split) for split in below.splits)):
        found.configs.append(folder)
    elif below.splits:
        files = [file for files in below.splits.values() for file in files]
        found.splits.setdefault(folder.name, []).extend(sorted(files))


def _hidden_data(entry: Path) -> list[Path]:
    files = [entry] if entry.is_file() else entry.rglob("*")
    return [file for file in files if file.is_file() and plain_stem(file.name) is not None]


def _stem(file: Path) -> str:
    return plain_stem(file.name) or file.name


def _split_of(file: Path) -> str:
    stem = _stem(file)
    shard = _SHARD.fullmatch(stem)
    return shard[1] if shard else stem


def _words(name: str) -> set[str]:
    return set(re.split(r"[\W_]+", name.lower()))


def _alike(name: str | None, splits: dict) -> str | None:
    """The one split in whose name `name` is a word, such as train in gsm8k_train, else `name`."""
    alike = [split for split in splits if name is not None and name.lower() in _words(split)]
    return alike[0] if name not in splits and len(alike) == 1 else name


def _refuse_gaps(files: list[Path]) -> None:
    """ValueError where a shard is missing, or where one split is there in several forms."""
    endings = sorted({file.name[len(_stem(file)) :].lower() for file in files})
    if len(endings) > 1:
        names = [str(file) for file in files]
        raise ValueError(
            f"one split is there in several forms, {names}; expected one of {endings}, so that no row "
            "counts twice. Remove the others, or name one file as the path."
        )
    numbers: dict[tuple[str, int], set[int]] = {}
    for file in files:
        if shard := _SHARD.fullmatch(_stem(file)):
            numbers.setdefault((shard[1], int(shard[3])), set()).add(int(shard[2]))
    for (name, count), there in numbers.items():
        missing = sorted(set(range(count)) - there)
        if missing:
            names = [f"{name}-{i:05d}-of-{count:05d}" for i in missing[:5]]
            raise ValueError(
                f"{files[0].parent}: {len(missing)} of {count} shards are missing, {names}; expected "
                "all of them. Fetch the data set again."
            )
