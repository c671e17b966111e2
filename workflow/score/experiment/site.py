"""Where Snakemake is started and may write, looked at before it reads a config."""

import os
import sys
from pathlib import Path

from platformdirs import user_cache_dir


def check_start(snakefile_folder: str) -> None:
    """ValueError where the workflow is run in another folder than its own, as with -s or -d.

    Its paths, those of a config included, start from the folder that it runs in.
    """
    here, home = Path.cwd(), Path(snakefile_folder)
    if here.resolve() != home.resolve():
        raise ValueError(
            f"snakemake runs in {here}; expected {home}, where the Snakefile is, since all paths of a "
            f"config start from there. Change into it (cd {home}) and leave -s and -d out. Results "
            "can lie elsewhere: make results/ a link."
        )


def check_cache() -> None:
    """End Snakemake with a message where it can't make its cache; profiles/default calls it."""
    cache = Path(user_cache_dir("snakemake", "snakemake"))
    try:
        cache.mkdir(parents=True, exist_ok=True)
        reason = None if os.access(cache, os.W_OK) else "Permission denied"
    except OSError as error:
        reason = error.strerror
    if reason is not None:
        sys.exit(
            f"Error: Snakemake's cache {cache} can't be written ({reason}), as where HOME is read-only; "
            "expected a folder that can. Name one: export XDG_CACHE_HOME=/some/folder (policies and "
            "data of the hub are then kept there too, unless HF_HOME says otherwise)."
        )
