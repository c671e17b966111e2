"""Whether the problems that a config names are there, have their columns and suffice."""

import re
from pathlib import Path

from score.experiment.job_settings import JobSettings
from score.experiment.plan import Plan
from score.experiment.problem_counts import check_rows
from score.tasks import load_task


def check_problems(config: dict) -> None:
    """Local data are there, have the columns and suffice; hub data are checked when fetched."""
    plan, test_rows = Plan(config), None
    settings = JobSettings(plan).problems()
    wanted = {"train_size": settings.train_size or 1, "validation_size": settings.validation_size}
    if settings.has_test_source:
        place = settings.test_path or settings.data_path
        if (place, settings.test_split) == (settings.data_path, settings.data_split):
            raise ValueError(
                f"problems.test_split is {settings.test_split!r}, which problems.data_split is too; "
                "expected other problems to test on than to train on. Name another split or test_path."
            )
        test_rows = _local_rows(place, settings.test_split, settings)
        _check_sizes({"test_size": settings.test_size or 1}, test_rows, place)
    else:
        wanted["test_size"] = settings.test_size or 1  # never null without test problems
    rows = _local_rows(settings.data_path, settings.data_split, settings)
    _check_sizes(wanted, rows, settings.data_path)
    check_rows(plan, rows, test_rows)
    tested = test_rows if settings.has_test_source else rows
    if settings.revision is not None and None not in (rows, tested):
        raise ValueError(
            f"problems.revision is {settings.revision!r}; expected null, since all problems are in "
            "local files, which the data card pins by their checksums. Set it to null."
        )


def _local_rows(places: str | list, split: str | None, settings) -> int | None:
    """Number of rows, with their columns checked; None where some are on the hub."""
    from score.problems.checks import check_columns
    from score.problems.sources import looks_like_path, read_source

    count, task = 0, load_task(settings.task_type)
    places = [places] if isinstance(places, str) else places
    for place in places:
        if not (Path(place).exists() or looks_like_path(place)):
            if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?(:[^@]+)?(@.+)?", place):
                raise ValueError(
                    f"problems: data path is {place!r}; expected a path that is there, or a name on the "
                    "hub such as owner/name. Correct it."
                )
            return None
        rows, _ = read_source(place, split)
        if not rows:
            raise ValueError(
                f"problems: split {split!r} of {place!r} has no rows; expected problems. Name "
                "another file or split."
            )
        check_columns(rows, place, task, settings)
        count += len(rows)
    return count


def _check_sizes(wanted: dict[str, int], rows: int | None, place: str | list) -> None:
    if rows is not None and sum(wanted.values()) > rows:
        asked = " + ".join(f"{key} ({size})" for key, size in wanted.items())
        raise ValueError(
            f"problems: {asked} is {sum(wanted.values())}; expected at most {rows}, the rows of "
            f"{place!r}. Lower a size, or bring more problems."
        )
