"""A local Slurm for the tests of this folder, and copies of the repository to run in."""

import shutil
import subprocess
from pathlib import Path

import local_slurm
import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def slurm():
    """A running Slurm with two nodes; skips with the reason where none can be started."""
    problem = local_slurm.missing()
    if problem:
        pytest.skip(problem)
    local_slurm.up()
    yield local_slurm
    local_slurm.down()


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """Call it for a fresh folder with all files of the repository and no results."""

    def make(name):
        folder = tmp_path_factory.mktemp(name)
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
        for file in listed.stdout.splitlines():
            if (REPOSITORY / file).is_file():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / file, folder / file)
        return folder

    return make
