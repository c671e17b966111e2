"""A site's Slurm: what is missing or set so that runs wait for ever, and the cure."""

import shutil
import time

from findings import PARTITIONS, amiss, command, only
from score.doctor import slurm as doctor_slurm


def test_machine_without_slurm_is_no_failure(path):
    only(doctor_slurm.check_slurm(), "warn", "no commands here", "snakemake --cores all")


def test_half_a_slurm_is_a_failure(path):
    command(path, "sbatch", "exit 0")
    only(doctor_slurm.check_slurm(), "FAIL", "squeue, scontrol, sinfo missing", "client commands")


def test_sound_slurm_is_told_with_its_partitions(slurm):
    told = slurm(sinfo=PARTITIONS.replace("*", "").replace("gpu|", "gpu*|"))
    assert amiss(told) == []
    assert any("gpu* (up to 2-00:00:00, GPUs)" in finding.what for finding in told)


def test_default_partition_without_gpus_and_a_cluster_without_any(slurm):
    only(slurm(), "warn", "(cpu) has no GPUs", "slurm_partition=gpu")
    none = "cpu*|up|infinite|4|(null)\\n"
    only(slurm(sinfo=none), "warn", "no node has GPUs", "--set-resources")


GPUS = "gpu*|up|infinite|2|gpu:8\\n"


def test_missing_accounting_matters_only_where_the_profile_asks_for_it(slurm, tmp_path):
    lacking = {"sacct": "echo Slurm accounting storage is disabled >&2; exit 1", "sinfo": GPUS}
    only(slurm(**lacking), "FAIL", "wait for ever", "slurm-status-command: squeue")
    assert amiss(slurm(**lacking, profile="slurm-status-command: squeue\n")) == []
    (tmp_path / "slurm/bin").mkdir()
    (tmp_path / "slurm/bin/sacct").touch()
    assert amiss(slurm(**lacking)) == []


def test_settings_with_which_runs_wait_for_ever_are_named(slurm):
    only(slurm(sinfo=GPUS, enforce="NO"), "warn", "never starts", "EnforcePartLimits=ALL")
    only(slurm(sinfo=GPUS, preempt="CANCEL"), "warn", "preempted", "goes on")
    assert amiss(slurm(sinfo=GPUS, age=60)) == []  # accounting remembers
    forgets = {"sacct": "exit 1", "profile": "slurm-status-command: squeue"}
    only(slurm(sinfo=GPUS, age=60, **forgets), "FAIL", "MinJobAge=60 s", "180 or more")


def test_controller_that_hangs_or_refuses_is_a_failure_in_time(slurm, path):
    slurm()
    sleep = shutil.which("sleep", path="/bin:/usr/bin")
    command(path, "scontrol", f"exec {sleep} 60")
    start = time.monotonic()
    told = list(doctor_slurm.check_slurm(patience=0.5))
    assert time.monotonic() - start < 10
    only(told, "FAIL", "no answer within 0.5 s", "scontrol ping")
    command(path, "scontrol", "echo Unable to contact slurm controller >&2; exit 1")
    only(doctor_slurm.check_slurm(), "FAIL", "Unable to contact", "scontrol ping")
