"""What pyproject.toml can't say: a wheel also holds the files of the repository that commands read.

They lie in score/repository, where score.files.places finds them, under the paths they have here.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FILES = ("requirements.txt",)
FOLDERS = ("configs", "data/puzzle", "data/sums", "few_shots", "slurm", "workflow/schemas")


class BuildWithRepository(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # commands then read the clone itself
            return
        here, there = Path(__file__).parent, Path(self.build_lib) / "score" / "repository"
        shutil.rmtree(there, ignore_errors=True)  # of an earlier build
        for folder in FOLDERS:
            shutil.copytree(
                here / folder, there / folder, ignore=shutil.ignore_patterns("__pycache__")
            )
        for file in FILES:
            shutil.copy(here / file, there / file)


setup(cmdclass={"build_py": BuildWithRepository})
