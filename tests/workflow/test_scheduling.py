"""Snakemake leaves the cores to the jobs while they run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OVERLAY = """
run_name: looks
problems: {test_size: 20}
analyses: {temperatures: [1.0]}
"""


@pytest.mark.slow
def test_snakemake_looks_for_the_next_job_when_one_ends_and_at_no_other_time(repository, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(OVERLAY)
    targets = [f"results/looks/base/{of}/sampled.parquet" for of in ("test", "temperature1.0")]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--cores=1",
            "--verbose",
            *targets,
            f"--configfile={overlay}",
        ],
        cwd=repository,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr
    jobs = done.stderr.count("Finished jobid")
    assert jobs == 3
    assert done.stderr.count("Ready jobs: ") <= jobs + 1
