"""`score.doctor` on sites that lack something: it names what, and the cure, and never hangs."""

import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest
import yaml
from score.doctor import __main__ as doctor
from score.doctor import config as doctor_config
from score.doctor import machine as doctor_machine
from score.doctor import slurm as doctor_slurm
from score.doctor import torch as doctor_torch
from score.doctor.findings import Answer, ask, run_check

ROOT = Path(__file__).resolve().parents[1]
CONFIG = """
SLURM_VERSION           = 22.05.8
EnforcePartLimits       = {enforce}
MinJobAge               = {age} sec
PreemptMode             = {preempt}
"""
PARTITIONS = "cpu*|up|1-00:00:00|4|(null)\\ngpu|up|2-00:00:00|2|gpu:h100:8(S:0-1)\\n"


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A folder that is all of PATH, for commands that a test makes up."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def _command(folder, name, script):
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def slurm(path, monkeypatch, tmp_path):
    """Call it for a site's Slurm and the findings about it."""
    monkeypatch.setattr(doctor_slurm, "_ROOT", tmp_path)
    (tmp_path / "slurm").mkdir()

    def site(sacct="exit 0", sinfo=PARTITIONS, profile="", **config):
        told = CONFIG.format(**{"enforce": "ALL", "age": 300, "preempt": "OFF", **config})
        _command(path, "scontrol", f"echo '{told}'")
        _command(path, "sinfo", f"printf '{sinfo}'")
        _command(path, "sacct", sacct)
        for name in ("sbatch", "squeue"):
            _command(path, name, "exit 0")
        (tmp_path / "slurm/config.yaml").write_text(profile)
        return list(doctor_slurm.check_slurm(patience=5))

    return site


def _amiss(findings):
    return [(f.level, f.what, f.cure) for f in findings if f.level != "ok"]


def _only(findings, level, what, cure):
    """Exactly one thing is amiss, and this is how it is told."""
    [(got, said, advice)] = _amiss(findings)
    assert got == level and what in said and cure in advice, (got, said, advice)


def test_machine_without_slurm_is_no_failure(path):
    _only(doctor_slurm.check_slurm(), "warn", "no commands here", "snakemake --cores all")


def test_half_a_slurm_is_a_failure(path):
    _command(path, "sbatch", "exit 0")
    _only(doctor_slurm.check_slurm(), "FAIL", "squeue, scontrol, sinfo missing", "client commands")


def test_sound_slurm_is_told_with_its_partitions(slurm):
    told = slurm(sinfo=PARTITIONS.replace("*", "").replace("gpu|", "gpu*|"))
    assert _amiss(told) == []
    assert any("gpu* (up to 2-00:00:00, GPUs)" in finding.what for finding in told)


def test_default_partition_without_gpus_and_a_cluster_without_any(slurm):
    _only(slurm(), "warn", "(cpu) has no GPUs", "slurm_partition=gpu")
    none = "cpu*|up|infinite|4|(null)\\n"
    _only(slurm(sinfo=none), "warn", "no node has GPUs", "--set-resources")


GPUS = "gpu*|up|infinite|2|gpu:8\\n"


def test_missing_accounting_matters_only_where_the_profile_asks_for_it(slurm, tmp_path):
    lacking = {"sacct": "echo Slurm accounting storage is disabled >&2; exit 1", "sinfo": GPUS}
    _only(slurm(**lacking), "FAIL", "wait for ever", "slurm-status-command: squeue")
    assert _amiss(slurm(**lacking, profile="slurm-status-command: squeue\n")) == []
    (tmp_path / "slurm/bin").mkdir()
    (tmp_path / "slurm/bin/sacct").touch()
    assert _amiss(slurm(**lacking)) == []


def test_settings_with_which_runs_wait_for_ever_are_named(slurm):
    _only(slurm(sinfo=GPUS, enforce="NO"), "warn", "never starts", "EnforcePartLimits=ALL")
    _only(slurm(sinfo=GPUS, preempt="CANCEL"), "warn", "preempted", "goes on")
    assert _amiss(slurm(sinfo=GPUS, age=60)) == []  # accounting remembers
    forgets = {"sacct": "exit 1", "profile": "slurm-status-command: squeue"}
    _only(slurm(sinfo=GPUS, age=60, **forgets), "FAIL", "MinJobAge=60 s", "180 or more")


def test_controller_that_hangs_or_refuses_is_a_failure_in_time(slurm, path):
    slurm()
    sleep = shutil.which("sleep", path="/bin:/usr/bin")
    _command(path, "scontrol", f"exec {sleep} 60")
    start = time.monotonic()
    told = list(doctor_slurm.check_slurm(patience=0.5))
    assert time.monotonic() - start < 10
    _only(told, "FAIL", "no answer within 0.5 s", "scontrol ping")
    _command(path, "scontrol", "echo Unable to contact slurm controller >&2; exit 1")
    _only(doctor_slurm.check_slurm(), "FAIL", "Unable to contact", "scontrol ping")


# ------------------------------------------------------------------------------------- the machine
def _pinned(monkeypatch, tmp_path, text):
    (tmp_path / "requirements.txt").write_text(text)
    monkeypatch.setattr(doctor_machine, "_ROOT", tmp_path)
    return list(doctor_machine.check_packages())


def test_missing_and_other_packages_are_named_with_the_command_that_mends_them(
    monkeypatch, tmp_path
):
    have = {"torch": "2.13.0+cu130", "trl": "1.15.0"}

    def version(name):
        if name not in have:
            raise doctor_machine.importlib.metadata.PackageNotFoundError(name)
        return have[name]

    monkeypatch.setattr(doctor_machine.importlib.metadata, "version", version)
    pins = "# pins\ntorch==2.13.0\ntrl==1.16.0 # beside\npeft==0.21.2\n"
    missing, other = _pinned(monkeypatch, tmp_path, pins)
    assert (missing.level, missing.what) == ("FAIL", "packages: peft 0.21.2 missing")
    assert (other.level, other.what) == ("warn", "packages: trl is 1.15.0, expected 1.16.0")
    assert missing.cure.endswith("pip install -r requirements.txt")


def test_full_disk_fails_and_a_small_one_warns(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    usage = namedtuple("usage", "total used free")
    levels = {}
    for free in (5 * 10**7, 3 * 10**9, 10**12):
        monkeypatch.setattr(
            doctor_machine.shutil, "disk_usage", lambda path, free=free: usage(0, 0, free)
        )
        levels[free] = [finding.level for finding in doctor_machine.check_disk()]
    assert levels == {
        5 * 10**7: ["FAIL", "warn", "FAIL", "warn"],  # results, hub cache, TMPDIR, /dev/shm
        3 * 10**9: ["warn", "warn", "ok", "ok"],
        10**12: ["ok"] * 4,
    }


def test_folder_that_cannot_be_written_fails(monkeypatch, tmp_path):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor_machine.tempfile, "TemporaryFile", refuse)
    told = doctor_machine._room("TMPDIR", tmp_path, 0, 0, "", "Set TMPDIR.")
    assert told.level == "FAIL" and "Permission denied" in told.what and told.cure == "Set TMPDIR."


def test_hub_out_of_reach_says_how_to_work_without_and_does_not_wait(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    _only(doctor_machine.check_hub(), "warn", "can't be reached", "HF_HUB_OFFLINE=1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", "/shared/hf")
    assert "/shared/hf/hub" in next(doctor_machine.check_hub()).what


def test_hub_that_answers_anything_at_all_is_reached(monkeypatch):
    class NotFound(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(404)

    with http.server.HTTPServer(("127.0.0.1", 0), NotFound) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert _amiss(doctor_machine.check_hub()) == []


def test_wandb_key_is_never_shown(monkeypatch, capsys):
    monkeypatch.setenv("WANDB_API_KEY", "a-secret-key")
    for finding in doctor_machine.check_wandb():
        doctor.show(finding)
    told = capsys.readouterr().out
    assert "WANDB_API_KEY is set" in told and "secret" not in told


# ------------------------------------------------------------------------------- torch, DeepSpeed
FACTS = '{{"torch": "2.13.0", "cuda": {cuda}, "usable": {usable}, "gpus": {gpus}}}'


def _gpus(monkeypatch, path, driver=None, cuda='"13.0"', usable="false", gpus="[]"):
    """Findings where torch says this, and nvidia-smi knows a GPU with that driver."""
    answer = Answer(FACTS.format(cuda=cuda, usable=usable, gpus=gpus), None)
    monkeypatch.setattr(doctor_torch, "ask_python", lambda code: answer)
    if driver:
        _command(path, "nvidia-smi", f"echo '{driver}, NVIDIA H100'")
    return list(doctor_torch.check_gpus())


def test_torch_that_cannot_use_the_gpu_is_told_why(monkeypatch, path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    _only(_gpus(monkeypatch, path), "warn", "none here", "srun --gpus 1")
    _only(_gpus(monkeypatch, path, "550.54.14"), "FAIL", "needs driver 580.65", "older CUDA")
    _only(_gpus(monkeypatch, path, "580.82.07"), "FAIL", "can't use them", "torch.cuda.init")
    _only(_gpus(monkeypatch, path, "580.82.07", cuda="null"), "FAIL", "without CUDA", "CUDA build")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    _only(_gpus(monkeypatch, path, "580.82.07"), "warn", "hides them", "--gpus 1")


def test_gpus_are_listed_and_one_without_bfloat16_is_told(monkeypatch, path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    told = _gpus(monkeypatch, path, "580.82.07", '"13.0"', "true", '[["T4", 17179869184, false]]')
    _only(told, "warn", "bfloat16: not every GPU", "precision: float32")
    assert "1: T4 (16 GiB); driver 580.82.07; CUDA_VISIBLE_DEVICES=3" in told[1].what


def test_broken_package_is_a_failure_of_its_check_alone(monkeypatch, tmp_path):
    (tmp_path / "deepspeed.py").write_text("raise ImportError('libaio.so is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    _only(doctor_torch.check_deepspeed(), "FAIL", "libaio.so is missing", "requirements.txt")


def test_missing_compiler_matters_to_offload_alone(monkeypatch, path):
    monkeypatch.setattr(doctor_torch, "ask_python", lambda code: Answer("0.19.8", None))
    _only(doctor_torch.check_deepspeed(), "warn", "no g++ and no ninja", "zero3-offload.yaml")


# -------------------------------------------------------------------------------------- the config
def _config(tmp_path, **changes):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(changes))
    return list(doctor_config.check_config_file(str(tmp_path / "mine.yaml")))


def test_default_experiment_needs_nothing(tmp_path):
    assert _amiss(_config(tmp_path, run_name="mine")) == []


def test_config_that_is_refused_is_told_in_the_words_of_the_check(tmp_path):
    _only(_config(tmp_path, random_seed="one"), "FAIL", 'random_seed is "one"', "snakemake -n")
    _only(list(doctor_config.check_config_file("no.yaml")), "FAIL", "not there", "--configfile")


def test_policy_out_of_reach_fails_with_the_download_that_mends_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    told = _config(tmp_path, model_path="nobody/policy")
    _only(told, "FAIL", "nobody/policy: not in the cache", f"HF_HOME={tmp_path} hf download nobody")


def test_gpu_launcher_wants_a_gpu_or_slurm(monkeypatch, path):
    config = {"launcher": "configs/accelerate/zero2.yaml"}
    monkeypatch.setattr(doctor_config, "ask_python", lambda code: Answer("0", None))
    _only(doctor_config._gpus(config), "FAIL", "no GPU here and no Slurm", "cpu.yaml")
    _command(path, "sbatch", "exit 0")
    assert _amiss(doctor_config._gpus(config)) == []


# --------------------------------------------------------------------------------------- the whole
def test_check_that_breaks_down_is_a_finding_and_the_others_go_on(monkeypatch, capsys):
    def check_luck():
        yield doctor_machine.ok("luck: some")
        raise RuntimeError("out of it")

    monkeypatch.setattr(doctor, "CHECKS", (check_luck, doctor_machine.check_wandb))
    monkeypatch.setattr(sys, "argv", ["doctor"])
    assert doctor.main() == 1
    told = capsys.readouterr().out
    assert "FAIL  luck: the check broke down: RuntimeError('out of it')" in told
    assert "wandb" in told and "1 to mend." in told
    assert run_check(check_luck)[0].level == "FAIL"


def test_commands_that_are_missing_or_fail_are_answers(path):
    _command(path, "torn", "echo first >&2; echo last >&2; exit 3")
    assert (ask("absent").error, ask("torn").error) == ("not found", "last")


@pytest.mark.slow
def test_bare_python_without_any_package_gets_a_report(tmp_path):
    """-S leaves out site-packages: torch, deepspeed and the rest can't be imported."""
    environment = {
        "PYTHONPATH": str(ROOT / "workflow"),
        "PATH": os.environ["PATH"],
        "HF_HUB_OFFLINE": "1",
    }
    code = "import runpy; runpy.run_module('score.doctor', run_name='__main__')"
    interpreter = os.path.realpath(sys.executable)
    done = subprocess.run(
        [interpreter, "-S", "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "FAIL  packages: torch" in done.stdout and "sandbox: limits" in done.stdout
