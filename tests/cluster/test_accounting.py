"""The profile on a Slurm with accounting (slurmdbd); the other tests have none."""

import subprocess

import pytest
from snakemakes import on_slurm, start, told

pytestmark = pytest.mark.cluster


@pytest.fixture
def accounting(slurm):
    """The same Slurm with a database of its jobs."""
    if not slurm.can_account():
        pytest.skip("slurmdbd or mariadbd not found: apt-get install slurmdbd mariadb-server")
    slurm.up(accounting=True)
    yield
    slurm.up()


def recorded():
    """State of every job in the database."""
    command = ["sacct", "-X", "--noheader", "--format=State"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_jobs_run_and_fail_as_without_accounting(accounting, slurm, checkout):
    folder = checkout("accounting")
    problems = "results/quick/problems/train.jsonl"
    assert start(folder, problems, *on_slurm()).wait(timeout=200) == 0, told(folder)
    slurm.wait_for(lambda: recorded() == ["COMPLETED"], 20, "the record of a job that completed")

    command = folder / "workflow/score/problems/prepare.py"
    spoilt = 'if __name__ == "__main__":\n    sys.exit("score.problems.prepare: spoilt")\n'
    command.write_text(command.read_text().replace('if __name__ == "__main__":\n', spoilt))
    again = start(folder, problems, "--forceall", "--retries", "0", *on_slurm())
    assert again.wait(timeout=200) != 0
    assert "SLURM status is: 'FAILED'" in told(folder)
    assert "prepare.log: score.problems.prepare: spoilt" in told(folder)
