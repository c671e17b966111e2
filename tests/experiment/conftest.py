"""The checks of this room name files as the config does, from the root of the repository."""

import pytest
from places import ROOT


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)
