"""A task file of the user's own, run once in a process of its own before Snakemake's process runs it."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

PATIENCE = 60.0  # seconds that a task may take to import what it needs
_LOAD = """
import sys
from score.tasks import load_task
try:
    load_task(sys.argv[1])
except ValueError:
    pass  # told by whoever loads it next
print("\\nloaded")
"""


@cache
def check_task_file(task_type: str, patience: float = PATIENCE) -> None:
    """ValueError for a file that ends its process, hangs or can't be run; others are loaded later."""
    if not task_type.endswith(".py") or not Path(task_type).is_file():
        return
    package = str(Path(__file__).parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _LOAD, task_type],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(
            f"task_type is {task_type!r}, which is not loaded after {patience:g} s; expected a "
            "file that only defines what a task needs. Mend it; python FILE shows where it hangs."
        ) from None
    if not done.stdout.decode(errors="replace").endswith("\nloaded\n"):
        told = done.stderr.decode(errors="replace").strip().splitlines()
        reason = told[-1] if told else f"it ends the program with exit code {done.returncode}"
        raise ValueError(
            f"task_type is {task_type!r}, which can't be run: {reason}; expected a file that only "
            "defines what a task needs. Mend it; python FILE shows the same."
        )
