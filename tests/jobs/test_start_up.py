"""A command leaves garbage alone while it imports, and collects it while it works."""

import json
import subprocess
import sys

import pytest
from score.jobs.start_up import without

# A package's command, which says at which threshold its garbage is collected, and of how many objects.
_COMMAND = """
import gc, json
from score.jobs.command import Command
seen = [gc.get_threshold(), gc.get_freeze_count()]
def main():
    print(json.dumps([*seen, gc.get_threshold(), gc.get_freeze_count()]))
Command(__spec__, "Says.").run(main)
"""


def test_command_collects_no_garbage_of_its_imports_and_a_library_user_as_ever(tmp_path):
    usual = subprocess.run(
        [sys.executable, "-c", "import score, gc; print(gc.get_threshold())"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    ).stdout  # fmt: skip
    (tmp_path / "says.py").write_text(_COMMAND)
    probe = "import gc, runpy, sys; sys.argv[0] = '-m'; import score; sys.argv = ['says']; " + (
        "runpy.run_module('says', run_name='__main__', alter_sys=True)"
    )
    told = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    importing, frozen, working, of_imports = json.loads(told)
    assert importing[0] > 100_000 and frozen == 0
    assert str(tuple(working)) == usual.strip() and of_imports > 1000


def test_transformers_does_not_import_scipy_for_a_command_to_detect_objects_in_images():
    told = subprocess.run(
        [sys.executable, "-c", "import score.sampling.sample, sys; print('scipy' in sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.strip() == "False"


def test_package_is_away_for_the_body_alone_unless_it_was_imported_before():
    sys.modules.pop("this", None)
    with without("this", "json"):
        with pytest.raises(ImportError):
            import this  # noqa: F401
        assert json.loads("1") == 1 and sys.modules["json"] is json
    assert "this" not in sys.modules
