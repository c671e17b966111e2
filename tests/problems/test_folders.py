"""Folders: which files are a split, made by hand or by `hf download`."""

from collections import Counter

import pytest
from score.problems.folders import files_of_split


def _make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    return folder


def _found(folder, split, notes=None):
    notes = Counter() if notes is None else notes
    return [str(file.relative_to(folder)) for file in files_of_split(folder, split, notes)]


HUB = ("README.md", ".gitattributes", ".cache/huggingface/x.json", "dataset_infos.json")


@pytest.mark.parametrize(
    ("files", "train"),
    [
        (["train.jsonl", "test.jsonl"], ["train.jsonl"]),
        (["data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"], None),
        (["data/train.csv", "data/test.csv"], ["data/train.csv"]),
        (["train/0000.parquet", "train/0001.parquet", "test/0000.parquet"], None),
        (["train/train-00000-of-00001.parquet", "test/test-00000-of-00001.parquet"], None),
        (["data/train/a.jsonl", "data/test/b.jsonl"], ["data/train/a.jsonl"]),
        (["main/train-00000-of-00001.parquet", "main/test-00000-of-00001.parquet"], None),
        (["default/train/0000.parquet", "default/test/0000.parquet"], None),
        (["snapshots/0a1b/data/train.json", "snapshots/0a1b/data/test.json"], None),
        (["gsm8k_train.jsonl", "gsm8k_test.jsonl"], ["gsm8k_train.jsonl"]),
        (["train-00000-of-00001-0123456789abcdef.parquet", "test.parquet"], None),
        (["train.jsonl", "notes/old.jsonl", "backup/train.jsonl"], ["train.jsonl"]),
    ],
)
def test_a_split_is_found_in_every_layout(tmp_path, files, train):
    _make(tmp_path, *files, *HUB)
    expected = [file for file in files if "train" in file] if train is None else train
    assert _found(tmp_path, "train") == expected


def test_hidden_files_are_left_out_and_named(tmp_path):
    hidden = ["._train.jsonl", ".train.jsonl", "__MACOSX/._train.jsonl", ".DS_Store", "Thumbs.db"]
    _make(tmp_path, "train.jsonl", "data/._train.jsonl", *hidden)
    notes = Counter()
    assert _found(tmp_path, None, notes) == ["train.jsonl"]
    (what,) = notes
    assert notes[what] == 4 and "._train.jsonl" in what and "DS_Store" not in what


def test_one_of_several_configurations_has_to_be_named(tmp_path):
    _make(tmp_path, "main/train.parquet", "socratic/train.parquet")
    with pytest.raises(
        ValueError, match=rf"several configurations.*{tmp_path}/main, {tmp_path}/soc"
    ):
        _found(tmp_path, "train")
    assert _found(tmp_path / "main", "train") == ["train.parquet"]


def test_half_a_data_set_is_refused(tmp_path):
    _make(tmp_path, "data/train-00000-of-00003.parquet", "data/train-00002-of-00003.parquet")
    with pytest.raises(ValueError, match=r"1 of 3 shards are missing, \['train-00001-of-00003'\]"):
        _found(tmp_path, "train")


def test_one_split_in_two_forms_is_refused(tmp_path):
    _make(tmp_path, "train.jsonl", "train.csv")
    with pytest.raises(ValueError, match=r"several forms.*train\.csv"):
        _found(tmp_path, "train")


def test_a_folder_that_holds_itself_is_no_endless_search(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path)
    with pytest.raises(ValueError, match=r"Put a file ending in \.jsonl"):
        _found(tmp_path, None)
