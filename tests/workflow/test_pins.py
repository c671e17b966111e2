"""Every way to install the workflow installs the same pins."""

import re
from importlib import metadata

import yaml
from places import ROOT


def test_containers_install_the_pins_and_nothing_else():
    docker, apptainer = (
        (ROOT / "containers" / name).read_text() for name in ("Dockerfile", "score.def")
    )
    copies = re.findall(r"^COPY (\S+) (\S+)$", docker, re.MULTILINE)
    files = re.search(r"^%files\n((?:    .*\n)+)", apptainer, re.MULTILINE)[1]
    assert copies == [tuple(line.split()) for line in files.splitlines()]
    assert copies == [("requirements.txt", "/opt/score/requirements.txt")]
    assert (ROOT / copies[0][0]).is_file()
    for recipe in (docker, apptainer):
        commands = "\n".join(line for line in recipe.splitlines() if not line.startswith("#"))
        assert re.findall(r"pip install (.*)", commands) == [
            "--no-cache-dir -r /opt/score/requirements.txt"
        ]
        assert re.findall(r"python:(\S+)-slim", commands) == ["3.11"]
        assert "apt-get install --yes --no-install-recommends bubblewrap g++ git" in commands


def test_image_is_built_from_the_pins_alone():
    """Of the clone, which may hold results and environments, only what is copied is sent."""
    ignored = (ROOT / "containers/Dockerfile.dockerignore").read_text().split()
    assert ignored == ["*", "!requirements.txt"]


def test_conda_installs_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = (part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    others = [part for part in environment["dependencies"] if isinstance(part, str)]
    assert pip == ["-r requirements.txt", "-e ."]
    assert {part.split("=")[0] for part in others} == {"python", "pip"}


def test_every_requirement_is_pinned_to_what_is_installed():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        package, _, version = line.partition("#")[0].partition("==")
        assert not package or metadata.version(package).partition("+")[0] == version.strip(), line
