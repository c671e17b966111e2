"""What the training of each arm spent: budgets.json, which the workflow writes from the config."""

import json
from pathlib import Path

SPENT = ("attempts", "updates", "tuning_attempts")


def read_budgets(path: str | Path) -> dict[str, dict[str, float | None]]:
    """Arm -> SPENT, counts of at least 0; None where the file has null or nothing, for unknown.

    ValueError names the arm and what is wrong with it.
    """
    try:
        budgets = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"budgets file {path} can't be read as JSON: {error}.") from None
    for arm, spent in _items(budgets, path):
        for key, value in _items(spent, f"{path}, arm {arm!r}"):
            if key not in SPENT:
                raise ValueError(f"{path}: {arm!r} has {key!r}; expected only {sorted(SPENT)}.")
            number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
            if not number and value is not None:
                raise ValueError(
                    f"{path}: {key} of {arm!r} is {value!r}; expected a number or null."
                )
    return {arm: {key: spent.get(key) for key in SPENT} for arm, spent in budgets.items()}


def _items(value, where):
    if not isinstance(value, dict):
        raise ValueError(f"{where}: is {value!r}; expected an object. Write the budgets again.")
    return value.items()
