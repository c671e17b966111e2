"""Prepare problems: read rows, check all of them, split them, write them with a data card.

    python -m score.problems.prepare --settings settings.json --output-dir results/run/problems

Every check comes before the first byte is written. A row that can't be a problem, a question asked
twice and a test problem that is also in the training rows are refused by name, or dropped and
listed in the card, as `on_bad_gold`, `on_duplicate` and `on_leakage` say.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from score.files import read_settings, replace_bytes
from score.problems import checks
from score.problems.card import card_bytes, card_markdown, data_card
from score.problems.problem import Problem, write_problems
from score.problems.sources import Source, read_source
from score.tasks import load_task


@dataclass(frozen=True)
class PrepareSettings:
    """What `prepare` reads and how it splits; the keys of settings.json.

    A null size means all that is left. `data_path` and `test_path`: one place or a list of places
    whose rows are concatenated. Without `test_path` and `test_split`, test is cut from the data.
    """

    task_type: str
    data_path: str | list
    random_seed: int
    validation_size: int
    question_col: str | None = None
    gold_col: str | None = None
    data_split: str | None = None
    test_path: str | list | None = None
    test_split: str | None = None
    revision: str | None = None
    cache_dir: str | None = None
    id_col: str | None = None
    gold_pattern: str | None = None
    level_col: str | None = None
    train_size: int | None = None
    test_size: int | None = None
    on_bad_gold: str = "refuse"
    on_duplicate: str = "refuse"
    on_leakage: str = "refuse"
    evaluator_function: str | None = None
    evaluator_mode: str = "default"
    evaluator_answer_marker: str | None = None
    verifier_deadline: float | int = 5.0
    verifier_workers: int = 1

    def __post_init__(self):
        for kind in checks.REFUSALS:
            value = getattr(self, f"on_{kind}")
            if value not in ("refuse", "drop"):
                raise ValueError(f"on_{kind} is {value!r}; expected 'refuse' or 'drop'.")
        for key in ("train_size", "test_size"):
            if getattr(self, key) is not None and getattr(self, key) < 1:
                raise ValueError(f"{key} is {getattr(self, key)}; expected at least 1, or null.")
        if self.validation_size < 0:
            raise ValueError(f"validation_size is {self.validation_size}; expected 0 or more.")
        if self.test_size is None and not self.has_test_source:
            raise ValueError(
                "test_size is null; expected a number, since test problems are cut from data_path. "
                "Set it, or set test_path or test_split."
            )
        if self.gold_pattern is not None:
            _check_pattern(self.gold_pattern)

    @property
    def has_test_source(self) -> bool:
        return self.test_path is not None or self.test_split is not None


def _check_pattern(pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(
            f"gold_pattern is {pattern!r}; not a regular expression: {error}."
        ) from None
    if groups != 1:
        raise ValueError(f"gold_pattern is {pattern!r}; expected one group around the gold.")


def prepare(settings: PrepareSettings) -> tuple[dict[str, list[Problem]], dict]:
    """Problems by split (train, validation, test) and the data card. Writes nothing.

    ValueError names every row that is refused, and every setting that can't be met.
    """
    task = load_task(settings.task_type)
    offences = checks.Offences()
    data_rows, sources = _read(settings.data_path, settings.data_split, settings, task, "data")
    test_rows = []
    if settings.has_test_source:
        path = settings.test_path or settings.data_path
        test_rows, found = _read(path, settings.test_split, settings, task, "test")
        sources += found
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
    data, test = ([c for c in part if c.problem.id in sound] for part in (data, test))
    splits = _split(data, test, settings)
    return splits, data_card(settings, sources, offences.rows, splits, len(data) + len(test))


def _read(
    path: str | list, split: str | None, settings: PrepareSettings, task, role: str
) -> tuple[list[dict], list[tuple[str, Source]]]:
    """Rows of one place or of several, one after the other, with their sources."""
    rows, sources = [], []
    for place in [path] if isinstance(path, str) else path:
        found, source = read_source(place, split, settings.revision, settings.cache_dir)
        if not found:
            raise ValueError(f"{place} has no rows; expected problems. Check the file and split.")
        checks.check_columns(found, place, task, settings)
        rows += found
        sources.append((role, source))
    return rows, sources


def _split(data, test, settings: PrepareSettings) -> dict[str, list[Problem]]:
    """Cut train, validation and test from candidates in split order; no split is empty."""
    if settings.has_test_source:
        wanted, available = settings.test_size or len(test), len(test)
        _check_size("test_size", wanted, available)
        test = test[:wanted]
    else:
        _check_size("test_size", settings.test_size, len(data))
        test, data = data[: settings.test_size], data[settings.test_size :]
    _check_size("validation_size", settings.validation_size, len(data))
    validation, data = data[: settings.validation_size], data[settings.validation_size :]
    _check_size("train_size", settings.train_size or 1, len(data))
    parts = {"train": data[: settings.train_size], "validation": validation, "test": test}
    if not test:
        raise ValueError("test has no problems; expected at least 1. All its rows were dropped.")
    return {name: [c.problem for c in part] for name, part in parts.items()}


def _check_size(key: str, wanted: int, available: int) -> None:
    if wanted > available:
        raise ValueError(
            f"{key} needs {wanted} problems; expected at most the {available} that are left. "
            "Lower it or one of the other sizes, or bring more problems."
        )


def write_prepared(directory, splits: dict[str, list[Problem]], card: dict) -> None:
    """Write {train,validation,test}.jsonl and data_card.{json,md} into `directory`."""
    directory = Path(directory)
    for name, problems in splits.items():
        write_problems(directory / f"{name}.jsonl", problems)
    replace_bytes(directory / "data_card.json", card_bytes(card))
    replace_bytes(directory / "data_card.md", card_markdown(card).encode())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.problems.prepare", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--settings", required=True, help="JSON file of PrepareSettings")
    parser.add_argument("--output-dir", required=True, help="folder for the splits and the card")
    flags = parser.parse_args(arguments)
    try:
        splits, card = prepare(read_settings(flags.settings, PrepareSettings))
    except ValueError as error:
        sys.exit(f"prepare: {error}")
    write_prepared(flags.output_dir, splits, card)
    sizes = ", ".join(f"{count} {name}" for name, count in card["splits"].items())
    drops = ", ".join(f"{count} {kind}" for kind, count in card["rows_dropped"].items())
    print(f"{card['rows_read']} rows read: {sizes}; dropped: {drops}", file=sys.stderr)


if __name__ == "__main__":
    main()
