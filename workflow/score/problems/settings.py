"""The settings of preparing problems: the config's section `problems`, with that of the verifier."""

import json
import re
from dataclasses import dataclass
from typing import NamedTuple

from score.verifiers.settings import VerifierSettings


class Offence(NamedTuple):
    """Why rows can't be used. meaning: what such rows are. cure: what to do with them."""

    meaning: str
    cure: str


OFFENCES = {  # by kind: the settings on_bad_gold, on_duplicate, on_leakage refuse or drop them
    "bad_gold": Offence(
        "rows that hold no question with a gold that verifies against itself", "Correct"
    ),
    "duplicate": Offence("rows that ask what another row asks", "Remove"),
    "leakage": Offence("rows whose question or id is a test problem's", "Remove"),
}


@dataclass(kw_only=True)
class PrepareSettings(VerifierSettings):
    """Where `prepare` reads rows, which columns hold what, and how it splits the problems.

    data_path, test_path: one place or a list of places whose rows are concatenated. Without test_path
    and test_split, test is cut from the data. train_size, test_size: null for all that is left.
    gold_pattern: the gold is the one group of its last match in gold_col. several_golds: of a list of
    reference answers 'any' is right, or an answer must name 'all'.
    needed_train, needed_test: the most problems of these splits that any job asks for.
    on_…: 'refuse' to raise for such rows, 'drop' to leave them out. ValueError for other values.
    """

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
    several_golds: str = "any"
    level_col: str | None = None
    train_size: int | None = None
    test_size: int | None = None
    needed_train: int = 0
    needed_test: int = 0
    on_bad_gold: str = "refuse"
    on_duplicate: str = "refuse"
    on_leakage: str = "refuse"

    def __post_init__(self):
        for kind in OFFENCES:
            value = getattr(self, f"on_{kind}")
            if value not in ("refuse", "drop"):
                raise ValueError(f"on_{kind} is {value!r}; expected 'refuse' or 'drop'.")
        if self.several_golds not in ("any", "all"):
            raise ValueError(f"several_golds is {self.several_golds!r}; expected 'any' or 'all'.")
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

    def rerun_on(self) -> str:
        """Without what changes no problem: what is only checked, and the verifier's settings, unless
        golds that it finds wrong are dropped."""
        idle = {"needed_train", "needed_test"}
        if self.on_bad_gold != "drop":
            idle |= {*VerifierSettings.names()} - {"task_type"}
        stated = json.loads(super().rerun_on())
        return json.dumps({k: v for k, v in stated.items() if k not in idle}, sort_keys=True)

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
