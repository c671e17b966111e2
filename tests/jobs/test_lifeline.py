"""Processes end with the one that started them, also where that ends while they still start."""

import os
import subprocess
import sys

import pytest
from places import ROOT
from score.jobs.lifeline import ENDS_WITH, ending_with_me

# Stands for a command: it says that it has got past `import score`, and waits to be ended.
WAITS = "import sys, score; print('started', flush=True); sys.stdin.read(); print('went on')"


def start(environment, code=WAITS, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow"), **environment},
        **options,
    )


def tied_to(process) -> dict[str, str]:
    """What `process` would put into the environment of what it starts."""
    return {ENDS_WITH: ending_with_me()[ENDS_WITH].replace(str(os.getpid()), str(process.pid), 1)}


@pytest.fixture
def starter():
    """Stands for Snakemake; the command below is not its child, as it has a shell between."""
    started = subprocess.Popen(["sleep", "600"])
    yield started
    started.kill()
    started.wait()


def test_command_ends_when_its_snakemake_is_killed_though_its_parent_lives(starter):
    command = start(tied_to(starter))
    assert command.stdout.readline() == "started\n"
    starter.kill()
    assert command.wait(timeout=30) == -9


def test_command_that_starts_after_its_starter_has_ended_does_nothing(starter):
    starter.kill()
    starter.wait()
    command = start(tied_to(starter))
    assert command.communicate(timeout=30)[0] == "" and command.returncode == -9


def test_rank_ends_with_a_launcher_that_dies_before_the_rank_has_imported_anything():
    launcher = (
        "import os, signal, subprocess, sys; from score.jobs.lifeline import ending_with_me\n"
        f"rank = subprocess.Popen([sys.executable, '-c', {WAITS!r}], stdin=0,\n"
        "    env={**os.environ, **ending_with_me()})\n"
        "print(rank.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    started = start({}, launcher)
    said, _ = started.stdout.readline(), started.wait(timeout=30)
    assert said.strip().isdigit()
    # end of file comes when the rank is gone too, whose output this is
    assert "went on" not in started.stdout.read()


def test_job_of_slurm_goes_on_without_the_snakemake_that_submitted_it(starter):
    command = start({**tied_to(starter), "SLURM_JOB_ID": "7"})
    assert command.stdout.readline() == "started\n"
    starter.kill()
    starter.wait()
    assert command.communicate(timeout=30)[0] == "went on\n"


def test_what_a_command_starts_itself_is_not_tied_to_its_starter(starter):
    code = f"import os, score; print(repr(os.environ.get({ENDS_WITH!r})))"
    assert start(tied_to(starter), code).communicate(timeout=30)[0] == "None\n"
