"""This machine: packages, disks, the hub and keys; what is amiss is named with the cure."""

import http.server
import threading
from collections import namedtuple

from findings import amiss, only
from score.doctor import __main__ as doctor
from score.doctor import machine as doctor_machine


def _pinned(monkeypatch, tmp_path, text):
    (tmp_path / "requirements.txt").write_text(text)
    monkeypatch.setattr(doctor_machine, "REPOSITORY", tmp_path)
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


def test_home_that_can_not_be_written_fails_with_the_variable_that_moves_caches(
    monkeypatch, tmp_path
):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    failed = [found for found in doctor_machine.check_disk() if found.level == "FAIL"]
    only(failed, "FAIL", "Snakemake's cache", "Set XDG_CACHE_HOME")


def test_hub_out_of_reach_says_how_to_work_without_and_does_not_wait(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    only(doctor_machine.check_hub(), "warn", "can't be reached", "HF_HUB_OFFLINE=1")
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
        assert amiss(doctor_machine.check_hub()) == []


def test_wandb_key_is_never_shown(monkeypatch, capsys):
    monkeypatch.setenv("WANDB_API_KEY", "a-secret-key")
    for finding in doctor_machine.check_wandb():
        doctor.show(finding)
    told = capsys.readouterr().out
    assert "WANDB_API_KEY is set" in told and "secret" not in told
