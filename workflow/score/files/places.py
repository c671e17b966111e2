"""Where the files of the repository lie that commands read: configs, schemas, the puzzle's policy.

An older Python must be able to run this, as the doctor does.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
SHIPPED = _PACKAGE / "repository"  # where setup.py puts them in a wheel


def _repository(package: Path, here: Path) -> Path:
    """The clone of the package; of an installed wheel the clone of the current folder, or its own."""
    for clone in (package.parents[1], here):
        if (clone / "Snakefile").is_file() and (clone / "workflow" / "schemas").is_dir():
            return clone
    return package / SHIPPED.name


REPOSITORY = _repository(_PACKAGE, Path.cwd())
