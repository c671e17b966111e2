"""A disk that fills up while training: said clearly, and nothing that is whole is lost."""

import shutil
import subprocess

import pytest
from launching import start_training
from places import ROOT
from score.training.checkpoints import newest_whole_checkpoint

pytestmark = pytest.mark.cluster


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 5 MB: one checkpoint of the puzzle policy, and not two."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_training_on_a_full_disk_says_so_and_goes_on_when_there_is_room(small_disk, tmp_path):
    rows = (ROOT / "data/puzzle/problems/train.jsonl").read_text().splitlines()[:64]
    for folder in (tmp_path, small_disk):
        (folder / "train.jsonl").write_text("\n".join(rows) + "\n")
    whole, full = tmp_path / "whole", small_disk / "full"
    assert start_training(whole).wait(timeout=150) == 0

    assert start_training(full).wait(timeout=150) != 0
    log = (full / "log").read_text()
    assert "Make room and run again; whole checkpoints are kept." in log
    assert newest_whole_checkpoint(str(full / "checkpoints")).endswith("checkpoint-10")

    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    assert start_training(full).wait(timeout=150) == 0, (full / "log").read_text()[-3000:]
    weights = "policy/model.safetensors"
    assert (whole / weights).read_bytes() == (full / weights).read_bytes()
    assert shutil.disk_usage(small_disk).total == 50 * 2**20
