"""Plans name files of the repository as configs do, from its root."""

import json

import pytest
import yaml
from places import ROOT
from score.planning.__main__ import main


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def planned(tmp_path, monkeypatch, capsys):
    """The JSON of a plan of an overlay: (overlay, *flags) -> an object for each number of GPUs."""

    def plan(overlay: dict, *flags):
        path = tmp_path / "overlay.yaml"
        path.write_text(yaml.safe_dump(overlay))
        command = ["planning", "--config", str(path), "--json", *map(str, flags)]
        monkeypatch.setattr("sys.argv", command)
        main()
        return json.loads(capsys.readouterr().out)

    return plan
