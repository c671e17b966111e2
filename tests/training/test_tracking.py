"""Training curves: one run over all interruptions, files in their place, and no key in any of them."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest
from launching import TRAINING
from places import ROOT
from score.training import tracking
from score.training.job import curve_name
from score.training.settings import TrainSettings
from score.training.tracking import check_trackers, continue_run, track, trackers

KEY = "deadbeefcafe" + "0123456789abcdef0123456789ab"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """An environment that says nothing of trackers; what a test changes is undone."""
    for name in [*os.environ, "WANDB_PROJECT", "WANDB_DIR", "WANDB_MODE"]:
        if name.startswith(("WANDB_", "TENSORBOARD_")):
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
    for name in ("WANDB_RUN_ID", "WANDB_RESUME", "WANDB_API_KEY", "TENSORBOARD_LOGGING_DIR"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def _settings(**changes):
    return TrainSettings(**{**TRAINING, **changes})


@pytest.mark.parametrize(
    ("report_to", "project", "expected"),
    [
        ("none", None, []),
        ("none", "mine", ["wandb"]),
        ("tensorboard", "mine", ["tensorboard", "wandb"]),
        (["wandb", "tensorboard"], "mine", ["wandb", "tensorboard"]),
        (["none"], None, []),
        ([], None, []),
    ],
)
def test_name_of_a_project_adds_wandb(report_to, project, expected):
    assert trackers(report_to, project) == expected


@pytest.mark.parametrize(
    ("told", "mode"),
    [
        ({}, "offline"),
        ({"WANDB_API_KEY": ""}, "offline"),
        ({"WANDB_API_KEY": KEY}, None),
        ({"WANDB_API_KEY": KEY, "WANDB_MODE": "offline"}, "offline"),
        ({"WANDB_MODE": "online"}, "online"),
    ],
)
def test_wandb_is_offline_unless_there_is_a_key_or_it_is_asked_for(monkeypatch, told, mode):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert track(_settings(report_to="wandb"), "run/policy") == ["wandb"]
    assert os.environ.get("WANDB_MODE") == mode
    assert os.environ["WANDB_PROJECT"] == "score"


def test_files_are_kept_with_the_policy_unless_the_environment_names_another_place(monkeypatch):
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "/scratch/curves")
    track(_settings(report_to=["wandb", "tensorboard"]), "run/policy")
    assert os.environ["WANDB_DIR"] == "run/policy"
    assert os.environ["TENSORBOARD_LOGGING_DIR"] == "/scratch/curves"


def test_no_tracker_changes_nothing_in_the_environment():
    before = dict(os.environ)
    assert track(_settings(), "run/policy") == []
    assert dict(os.environ) == before


def test_curves_go_on_after_a_checkpoint_and_start_anew_without_one(tmp_path):
    checkpoints, events = tmp_path / "checkpoints", tmp_path / "tensorboard/events"
    names, seen = ["wandb", "tensorboard"], []
    for resumed in (False, True, True, False):
        events.parent.mkdir(exist_ok=True)
        events.touch()
        continue_run(names, str(checkpoints), resumed)
        seen.append(os.environ["WANDB_RUN_ID"])
        assert events.exists() == resumed
    first, second, third, fresh = seen
    assert first == second == third != fresh
    (checkpoints / "wandb_run_id").write_text("")  # a full disk
    continue_run(names, str(checkpoints), resumed=True)
    assert os.environ["WANDB_RUN_ID"] not in ("", fresh)


def test_tracker_that_is_unknown_or_not_installed_is_refused_with_the_cure(monkeypatch):
    check_trackers(["wandb"])
    with pytest.raises(ValueError, match=r"report_to is 'wnadb'; expected none or some of wandb"):
        check_trackers(["wnadb"])

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(tracking.metadata, "version", missing)
    with pytest.raises(ValueError, match=r"not installed.*pip install trackio"):
        check_trackers(["trackio"])


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("results/mine/score", "mine/score"),
        ("results/mine/score/seed1", "mine/score/seed1"),
        ("/scratch/mine/results/mine/star/seed0/iteration2", "mine/star/seed0/iteration2"),
        ("elsewhere/score", "mine/score"),
    ],
)
def test_curves_are_named_by_run_and_place(folder, name):
    assert curve_name("mine", Path(folder)) == name


def _start(folder, environment, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps({**TRAINING, **changes}))
    rows = (ROOT / "data/puzzle/problems/train.jsonl").read_text().splitlines(True)[:64]
    (folder / "train.jsonl").write_text("".join(rows))
    base = str(ROOT / "data/puzzle/policy")
    flags = {
        "settings": folder / "settings.json",
        "init": base,
        "reference": base,
        "problems": folder / "train.jsonl",
        "policy": folder / "policy",
        "records": folder / "training.jsonl",
        "checkpoints": folder / "checkpoints",
    }
    command = [sys.executable, "-m", "score.training.train"]
    command += [word for key, value in flags.items() for word in (f"--{key}", str(value))]
    told = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    with (folder / "train.log").open("a") as log:
        return subprocess.Popen(
            command, cwd=folder.parent, stdout=log, stderr=log, env={**told, **environment}
        )


def _wait(process, log, until=lambda: False):
    deadline = time.monotonic() + 150
    while process.poll() is None and not until():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.02)
    return process.returncode


@pytest.mark.slow
def test_killed_training_goes_on_in_one_wandb_run_and_no_file_holds_the_key(tmp_path):
    folder = tmp_path / "score"
    log, environment = folder / "train.log", {"WANDB_API_KEY": KEY, "WANDB_MODE": "offline"}
    process = _start(folder, environment, wandb_project_name="mine")
    _wait(process, log, (folder / "checkpoints/checkpoint-20/whole.json").exists)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert _wait(_start(folder, environment, wandb_project_name="mine"), log) == 0, log.read_text()

    assert "resumed after step" in log.read_text()
    runs = sorted(path.name for path in (folder / "wandb").glob("offline-run-*"))
    assert len(runs) == 2 and len({name.rpartition("-")[2] for name in runs}) == 1, runs
    assert sorted(path.name for path in tmp_path.iterdir()) == ["score"]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".wandb" and b"reward_t1" in path.read_bytes() for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


@pytest.mark.slow
@pytest.mark.parametrize("tracker", ["tensorboard", "trackio"])
def test_other_tracker_gets_the_curves(tmp_path, tracker):
    pytest.importorskip(tracker, reason=f"{tracker} is not installed; it is optional")
    folder, environment = tmp_path / "score", {"TRACKIO_DIR": str(tmp_path / "trackio")}
    process = _start(folder, environment, report_to=tracker, total_episodes=32, num_warmup_steps=1)
    assert _wait(process, folder / "train.log") == 0, (folder / "train.log").read_text()[-3000:]
    place = folder if tracker == "tensorboard" else tmp_path
    written = [path for path in (place / tracker).rglob("*") if path.is_file()]
    assert any(b"reward_t1" in path.read_bytes() for path in written), written
