"""Prepare problems: read rows, check all of them, split them, write them with a data card.

    python -m score.problems.prepare --settings settings.json --output-dir results/run/problems

All rows are checked before anything is written. Rows that hold no problem, ask what another row asks
or are also test problems are refused by name, or dropped and listed in the card, as the settings
on_bad_gold, on_duplicate and on_leakage say.
"""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from score.files.atomic import replace_file
from score.jobs.command import Command
from score.problems import checks
from score.problems.card import card_json, card_markdown, data_card, kept_text
from score.problems.notes import notes_on
from score.problems.numbers import mend_gaps
from score.problems.problem import Problem, write_problems
from score.problems.settings import PrepareSettings
from score.problems.sources import Source, read_source
from score.tasks import load_task

COMMAND = Command(__spec__, __doc__)
_ASKING = {  # the config's keys that ask for so many problems of a split
    "train": "training_problems or analyses.train_problems",
    "test": "num_problems of the section analyses",
}


def prepare(settings: PrepareSettings) -> tuple[dict[str, list[Problem]], dict]:
    """Problems by split (train, validation, test) and the data card. Writes nothing.

    ValueError names every row that is refused, and every setting that can't be met.
    """
    task = load_task(settings.task_type)
    offences = checks.Offences()
    data_rows, sources = _read("data", settings.data_path, settings.data_split, settings, task)
    test_rows: list[dict] = []
    if settings.has_test_source:
        path = settings.test_path or settings.data_path
        test_rows, test_sources = _read("test", path, settings.test_split, settings, task)
        sources += test_sources
    if settings.revision is not None and not any(source.revision for _, source in sources):
        raise ValueError(
            f"revision is {settings.revision!r}; expected null, since no source is on the hub. "
            "The data card pins local sources by their checksum."
        )
    data = checks.candidates(data_rows, "row", task, settings, offences)
    test = checks.candidates(test_rows, "test", task, settings, offences)
    test = checks.without_duplicates(test, offences)
    data = checks.without_leaks(data, test, offences)
    data = checks.without_duplicates(data, offences)
    sound = checks.with_sound_golds([*data, *test], settings, offences)
    offences.refuse(settings)
    to_train, to_test = (
        [c.problem for c in part if c.problem.id in sound] for part in (data, test)
    )
    splits = _split(to_train, to_test, settings)
    kept = [*to_train, *to_test]
    notes = notes_on(kept, settings.level_col is not None, task)
    return splits, data_card(settings, sources, offences.rows, splits, len(kept), notes)


def _read(
    role: str, path: str | list, split: str | None, settings: PrepareSettings, task
) -> tuple[list[dict], list[tuple[str, Source]]]:
    """Rows of one place or of several, one after the other, and their sources with that role."""
    rows, sources = [], []
    for place in [path] if isinstance(path, str) else path:
        found, source = read_source(place, split, settings.revision, settings.cache_dir)
        if not found:
            raise ValueError(f"{place} has no rows; expected problems. Check the file and split.")
        checks.check_columns(found, place, task, settings)
        notes = Counter(source.notes)
        mend_gaps(found, (settings.id_col, settings.gold_col, settings.level_col), notes)
        source = replace(source, notes=dict(notes))
        rows += found
        sources.append((role, source))
    return rows, sources


def _split(
    data: list[Problem], test: list[Problem], settings: PrepareSettings
) -> dict[str, list[Problem]]:
    """Cut train, validation and test from problems in split order; no split but validation is empty."""
    if settings.has_test_source:
        _check_size("test_size", settings.test_size or 0, len(test))
        test = test[: settings.test_size]
    else:
        _check_size("test_size", settings.test_size or 0, len(data))
        test, data = data[: settings.test_size], data[settings.test_size :]
    _check_size("validation_size", settings.validation_size, len(data))
    validation, data = data[: settings.validation_size], data[settings.validation_size :]
    _check_size("train_size", settings.train_size or 1, len(data))
    if not test:
        raise ValueError("test has no problems; expected at least 1. All its rows were dropped.")
    splits = {"train": data[: settings.train_size], "validation": validation, "test": test}
    for name, needed in (("train", settings.needed_train), ("test", settings.needed_test)):
        if needed > len(splits[name]):
            raise ValueError(
                f"{needed} {name} problems are asked for; expected at most the {len(splits[name])} that "
                f"there are. Lower {_ASKING[name]}, or bring more problems."
            )
    return splits


def _check_size(key: str, wanted: int, available: int) -> None:
    if wanted > available:
        raise ValueError(
            f"{key} needs {wanted} problems; expected at most the {available} that are left. "
            "Lower it or one of the other sizes, or bring more problems."
        )


def write_prepared(directory: str, splits: dict[str, list[Problem]], card: dict) -> None:
    """Write {train,validation,test}.jsonl and data_card.{json,md} into `directory`."""
    for name, problems in splits.items():
        write_problems(Path(directory, f"{name}.jsonl"), problems)
    replace_file(Path(directory, "data_card.json"), card_json(card).encode())
    replace_file(Path(directory, "data_card.md"), card_markdown(card).encode())


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(
        arguments,
        settings="JSON file of PrepareSettings",
        output_dir="folder for the splits and the card",
    )
    with COMMAND.errors():
        splits, card = prepare(PrepareSettings.read(flags.settings))
    write_prepared(flags.output_dir, splits, card)
    sizes = ", ".join(f"{count} {name}" for name, count in card["splits"].items())
    drops = ", ".join(f"{count} {kind}" for kind, count in card["rows_dropped"].items())
    kept = f"{kept_text(card)}; dropped: {drops}"
    print(f"{card['rows_read']} rows read: {sizes}; {kept}", file=sys.stderr)


if __name__ == "__main__":
    COMMAND.run(main)
