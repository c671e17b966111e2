"""Nothing leaves the machine unasked, and what can't be exported is said before the work."""

from pathlib import Path

import pytest
from score.chat.tried import TriedPolicy
from score.export.__main__ import main
from tried_policies import PUZZLES, exported, puzzle_policy


class StubHub:
    """What score.export.push asks of huggingface_hub's client, noted; nothing leaves this machine."""

    def __init__(self):
        self.asked = []

    def whoami(self):
        self.asked.append("whoami")

    def create_repo(self, repository, **options):
        self.asked.append((repository, options))
        return f"https://hub/{repository}"

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        self.asked.append((repo_id, sorted(p.name for p in Path(folder_path).iterdir())))


def test_nothing_is_pushed_but_to_the_private_repository_that_is_named(
    tmp_path, monkeypatch, capsys
):
    hub = StubHub()
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: hub)
    path = puzzle_policy(tmp_path / "policy")
    exported(path, tmp_path / "mine", PUZZLES[:1])
    assert hub.asked == []
    card = exported(path, tmp_path / "other", PUZZLES[:1], "--push", "owner/six")
    whoami, created, uploaded = hub.asked
    assert whoami == "whoami"
    assert created == ("owner/six", {"private": True, "exist_ok": True})
    assert {"README.md", "model.safetensors", "tokenizer.json"} <= {*uploaded[1]}
    assert "PATH = 'owner/six'" in card
    assert "pushed to https://hub/owner/six" in capsys.readouterr().out


def test_who_is_not_logged_in_is_told_before_the_work(tmp_path, monkeypatch, capsys):
    def nobody(self):
        raise OSError("no token")

    monkeypatch.setattr("huggingface_hub.HfApi.whoami", nobody)
    path = puzzle_policy(tmp_path / "policy")
    with pytest.raises(SystemExit) as ended:
        main(["--policy", path, "--output", str(tmp_path / "mine"), "--push", "owner/six"])
    assert ended.value.code == 2
    assert "can't be written to: no token; expected somebody who is logged in" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("output", "flags", "said"),
    [
        ("full", [], "which is not empty; expected a new folder"),
        ("full/file", [], "which is a file"),
        ("no/where", [], "whose folder is not there"),
        ("mine", ["--push", "a/b/c"], "expected owner/name"),
        ("mine", ["--check", "0"], "--check is 0"),
        ("mine", ["--problems", "nowhere.jsonl"], "expected an existing file"),
        ("mine", ["--policy", "nowhere/at/all"], "which is no folder"),
    ],
)
def test_what_can_not_be_exported_is_refused_before_the_work(
    tmp_path, monkeypatch, capsys, output, flags, said
):
    path = puzzle_policy(tmp_path / "policy")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    monkeypatch.setattr(TriedPolicy, "__init__", None)  # nothing is loaded
    with pytest.raises(SystemExit) as ended:
        main(["--policy", path, "--output", str(tmp_path / output), *flags])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "full" / "file").read_text() == "mine"
