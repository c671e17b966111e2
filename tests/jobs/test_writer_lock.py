"""A folder is written by one job at a time, on this machine and on any node."""

import os

import pytest
from places import names_in
from score.jobs.writer_lock import check_no_writer, sole_writer


def test_second_writer_of_a_checkpoint_folder_is_refused(tmp_path):
    folder = str(tmp_path / "checkpoints")
    with (
        sole_writer(folder),
        pytest.raises(RuntimeError, match=f"in use by another job .process {os.getpid()}"),
        sole_writer(folder),
    ):
        pass
    with sole_writer(folder):
        assert names_in(tmp_path) == ["checkpoints.lock"]
    assert not names_in(tmp_path)


@pytest.mark.parametrize("running", [True, False])
def test_a_slurm_job_that_holds_the_lock_elsewhere_is_respected_while_it_runs(
    tmp_path, monkeypatch, running
):
    """As on a file system whose locks don't reach other nodes."""
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\n{'echo 41' if running else 'exit 1'}\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    lock = tmp_path / "checkpoints.lock"
    lock.write_text("Slurm job 41 on n1")
    if running:
        with (
            pytest.raises(RuntimeError, match="scancel 41"),
            sole_writer(str(tmp_path / "checkpoints")),
        ):
            pass
    else:
        with sole_writer(str(tmp_path / "checkpoints")):
            assert lock.read_text().startswith("Slurm job 42 on ")


def test_run_is_refused_while_a_job_of_an_earlier_one_still_writes(tmp_path):
    folder = tmp_path / "score/checkpoints"
    with (
        sole_writer(str(folder)),
        pytest.raises(
            ValueError, match=rf"score/checkpoints is in use .* with kill {os.getpid()} on"
        ),
    ):
        check_no_writer(str(tmp_path))
    (tmp_path / "score/checkpoints.lock").write_text("process 1 on elsewhere")  # left by a kill
    check_no_writer(str(tmp_path))
