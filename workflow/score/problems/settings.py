"""The settings of preparing problems."""

import json
import re
from dataclasses import dataclass

from score.verifiers.settings import VerifierSettings


@dataclass(kw_only=True)
class PrepareSettings(VerifierSettings):
    """What `prepare` reads and how it splits; the keys of settings.json.

    A null size means all that is left. `data_path` and `test_path`: one place or a list of places
    whose rows are concatenated. Without `test_path` and `test_split`, test is cut from the data.
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
    level_col: str | None = None
    train_size: int | None = None
    test_size: int | None = None
    on_bad_gold: str = "refuse"
    on_duplicate: str = "refuse"
    on_leakage: str = "refuse"

    def __post_init__(self):
        for kind in ("bad_gold", "duplicate", "leakage"):
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

    def rerun_on(self) -> str:
        """Without the verifier, unless it decides which problems there are and not only refuses them."""
        stated = json.loads(super().rerun_on())
        verifier = {*VerifierSettings.names()} - {"task_type"}
        if self.on_bad_gold == "drop":
            verifier = set()
        return json.dumps({k: v for k, v in stated.items() if k not in verifier}, sort_keys=True)

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
