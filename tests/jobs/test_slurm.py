"""What the plugin is told of its jobs, and jobs that an earlier Snakemake left."""

import os
import subprocess
import sys

import pytest
from places import ROOT
from score.jobs.slurm import check_no_orphans

SACCT = ROOT / "slurm/bin/sacct"
RUN = "0bca5a3e-6f0e-4d5b-9a59-8f6f3a3c1d11"
QUESTION = ["-X", "--parsable2", "--noheader", "--format=JobIdRaw,State", "--name", RUN]


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Call it to say what Slurm's commands print; the questions are asked in tmp_path."""
    monkeypatch.chdir(tmp_path)
    commands = tmp_path / "bin"
    commands.mkdir()
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")

    def say(**printed):
        for name, text in printed.items():
            body = "exit 1" if text is None else f"cat <<'END'\n{text}\nEND"
            (commands / name).write_text(f"#!/bin/sh\n{body}\n")
            (commands / name).chmod(0o755)

    say(sacct=None)  # as without accounting
    return say


def ask(words=QUESTION):
    done = subprocess.run([sys.executable, SACCT, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("RUNNING", "RUNNING"),
        ("COMPLETED", "COMPLETED"),
        ("PREEMPTED", "CANCELLED"),
        ("NODE_FAIL", "FAILED"),
    ],
)
def test_controller_is_asked_where_there_is_no_accounting(slurm, state, told):
    slurm(squeue=f"7|{state}|None")
    assert ask() == [f"7|{told}"]


def test_a_job_that_the_controller_forgot_is_told_as_ended(slurm):
    slurm(squeue="7|RUNNING|None\n8|PENDING|Resources")
    ask()
    slurm(squeue="8|RUNNING|None")
    assert ask() == ["7|UNKNOWN", "8|RUNNING"]


def test_accounting_knows_more_of_ended_jobs_and_the_controller_of_live_ones(slurm):
    slurm(squeue="8|PENDING|BeginTime", sacct="7|FAILED\n8|PREEMPTED")
    assert ask() == ["7|FAILED", "8|PENDING"]


def test_other_questions_go_to_the_real_sacct_and_fail_for_nobody(slurm):
    assert ask(["-nu", "me", "-o", "Account"]) == []
    slurm(sacct="physics")
    assert ask(["-nu", "me", "-o", "Account"]) == ["physics"]


def test_a_held_job_is_said_where_snakemake_runs(slurm, tmp_path):
    slurm(squeue="9|PENDING|JobHeldUser")
    with (tmp_path / "terminal").open("w") as terminal:
        shell = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"]
        subprocess.run(
            [*shell, sys.executable, SACCT, *QUESTION], stdout=subprocess.DEVNULL, stderr=terminal
        )
    assert "job 9 will not start by itself: JobHeldUser" in (tmp_path / "terminal").read_text()


def test_live_jobs_of_an_earlier_snakemake_in_this_folder_are_named(slurm, tmp_path):
    elsewhere = f"5|RUNNING|/elsewhere|{RUN}\n6|RUNNING|{tmp_path}|my_own_job"
    slurm(squeue=elsewhere)
    check_no_orphans(".")
    slurm(squeue=f"{elsewhere}\n7|PENDING|{tmp_path}|site_{RUN}\n8|RUNNING|{tmp_path}|{RUN}")
    with pytest.raises(ValueError, match=r"7 \(pending\), 8 \(running\).*scancel 7 8$"):
        check_no_orphans(".")


def test_a_machine_without_slurm_has_no_such_jobs(slurm):
    slurm(squeue=None)
    check_no_orphans(".")
