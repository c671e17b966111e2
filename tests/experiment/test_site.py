"""A run that starts in another folder, or where nothing can be cached, is refused with the cure."""

import pytest
from places import ROOT
from refusals import refusal, says
from score.experiment.site import check_cache, check_start


def test_workflow_runs_in_the_folder_of_its_snakefile_and_in_no_other(tmp_path, monkeypatch):
    check_start(str(ROOT))
    (tmp_path / "link").symlink_to(ROOT)
    check_start(str(tmp_path / "link"))
    monkeypatch.chdir(tmp_path)
    says(
        refusal(check_start, str(ROOT)),
        [f"runs in {tmp_path}; expected {ROOT}", f"cd {ROOT}", "-d"],
    )


def test_cache_that_can_not_be_made_is_told_with_the_variable_that_moves_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new"))
    check_cache()
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(
        SystemExit, match=r"file/snakemake can't be written \(Not a directory\)"
    ) as told:
        check_cache()
    says(told.value.code, ["export XDG_CACHE_HOME=", "HF_HOME"])
