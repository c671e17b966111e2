"""A site that a test makes up: commands on PATH, and a Slurm that answers as it is told."""

import pytest
from findings import PARTITIONS, command
from score.doctor import slurm as doctor_slurm

CONFIG = """
SLURM_VERSION           = 22.05.8
EnforcePartLimits       = {enforce}
MinJobAge               = {age} sec
PreemptMode             = {preempt}
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A folder that is all of PATH, for commands that a test makes up."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def slurm(path, monkeypatch, tmp_path):
    """Call it for a site's Slurm and the findings about it."""
    monkeypatch.setattr(doctor_slurm, "REPOSITORY", tmp_path)
    (tmp_path / "slurm").mkdir()

    def site(sacct="exit 0", sinfo=PARTITIONS, profile="", **config):
        told = CONFIG.format(**{"enforce": "ALL", "age": 300, "preempt": "OFF", **config})
        command(path, "scontrol", f"echo '{told}'")
        command(path, "sinfo", f"printf '{sinfo}'")
        command(path, "sacct", sacct)
        for name in ("sbatch", "squeue"):
            command(path, name, "exit 0")
        (tmp_path / "slurm/config.yaml").write_text(profile)
        return list(doctor_slurm.check_slurm(patience=5))

    return site
