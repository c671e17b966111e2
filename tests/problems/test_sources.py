"""Sources: every form a data set comes in, and every way in which it can be broken."""

import gzip
import hashlib
import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from score.problems.sources import looks_like_path, read_source

ROWS = [{"q": "Größe?", "a": "1"}, {"q": "two\nlines 😀", "a": "2"}, {"q": "x", "a": "3"}]

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 147946961\n"
)


def _json_lines(rows=ROWS, end="\n"):
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows).encode()


def _write_all_forms(folder):
    (folder / "rows.jsonl").write_bytes(_json_lines())
    (folder / "hostile.jsonl").write_bytes(
        b"\xef\xbb\xbf" + _json_lines(end="\r\n").replace(b"\r\n", b"\r\n \r\n\r\n")
    )
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress(_json_lines()))
    (folder / "rows.json").write_text(json.dumps(ROWS, indent=2))
    (folder / "lines.json").write_bytes(_json_lines())
    (folder / "rows.csv").write_bytes(
        '\ufeffq,a\r\nGröße?,1\r\n"two\nlines 😀",2\r\nx,3\r\n'.encode()
    )
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table, folder / "rows.parquet")
    for name, new in (("file.arrow", pa.ipc.new_file), ("stream.arrow", pa.ipc.new_stream)):
        with new(str(folder / name), table.schema) as writer:
            writer.write_table(table)
    return sorted(folder.iterdir())


def test_every_file_form_gives_the_same_rows_and_the_checksum_of_its_bytes(tmp_path):
    files = _write_all_forms(tmp_path)
    assert len(files) == 9
    for file in files:
        rows, source = read_source(str(file))
        assert rows == ROWS, file.name
        assert source.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert (source.path, source.rows, source.revision) == (str(file), 3, None)


def test_a_folder_gives_the_split_that_is_named(tmp_path):
    (tmp_path / "train-00001-of-00002.jsonl").write_bytes(_json_lines(ROWS[1:]))
    (tmp_path / "train-00000-of-00002.jsonl").write_bytes(_json_lines(ROWS[:1]))
    (tmp_path / "test.csv").write_text("q,a\nx,3\n")
    (tmp_path / "README.md").write_text("no data")
    assert read_source(str(tmp_path), "train")[0] == ROWS
    assert read_source(str(tmp_path), "test")[0] == ROWS[2:]
    with pytest.raises(ValueError, match=r"split is None; expected one of \['test', 'train'\]"):
        read_source(str(tmp_path))
    with pytest.raises(ValueError, match="split is 'dev'; expected one of"):
        read_source(str(tmp_path), "dev")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"Put a file ending in \.jsonl"):
        read_source(str(tmp_path / "empty"))


def test_saved_data_sets_are_read_with_and_without_splits(tmp_path):
    saved = datasets.Dataset.from_list(ROWS)
    saved.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"test": saved, "train": saved.select([2])}).save_to_disk(tmp_path / "two")
    assert read_source(str(tmp_path / "one"))[0] == ROWS
    assert read_source(str(tmp_path / "two"), "test[1:]")[0] == ROWS[1:]
    with pytest.raises(ValueError, match="split is None; expected one of"):
        read_source(str(tmp_path / "two"))
    with pytest.raises(ValueError, match="holds one saved split"):
        read_source(str(tmp_path / "one"), "train")
    (tmp_path / "one" / "state.json").write_text("{")
    with pytest.raises(ValueError, match="can't be read as a saved data set"):
        read_source(str(tmp_path / "one"))


def test_a_split_can_be_a_slice_of_the_rows(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(_json_lines())
    path = str(tmp_path / "rows.jsonl")
    assert read_source(path, "[1:]")[0] == ROWS[1:]
    assert read_source(path, "[:-1]")[0] == ROWS[:-1]
    assert read_source(path, "[0:2]")[0] == ROWS[:2]
    for split, message in (("train", "is one file"), ("[1]", "expected a name, a slice")):
        with pytest.raises(ValueError, match=message):
            read_source(path, split)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.jsonl", b'{"a": 1}\n\n{"a": \n', "line 3: not valid JSON"),
        ("x.jsonl", b'{"a": 1}\n\xff\n', "line 2: not UTF-8"),
        ("x.jsonl", b'{"a": 1}\n[1]\n', "line 2: row is of type list"),
        ("x.jsonl", b'{"a": ' + b"9" * 5000 + b"}\n", "line 1: not valid JSON"),
        ("x.jsonl", b"[" * 100_000 + b"\n", "line 1: not valid JSON"),
        ("x.json", b'[{"a": 1}, 2]', "row 2: row is of type int"),
        ("x.json", b'[{"a": 1}', "not valid JSON"),
        ("x.jsonl.gz", gzip.compress(b'{"a": 1}\n', mtime=0)[:-5], "not a whole gzip file"),
        ("x.jsonl.gz", b'{"a": 1}\n', "not a whole gzip file"),
        ("x.csv", b"a,b\n1,2\n1,2,3\n", "line 3: not valid CSV"),
        ("x.csv", b'a,b\n1,"2\n', "not valid CSV"),
        ("x.csv", b"a\n\xff\n", "line 2: not UTF-8 .*iconv"),
        ("x.csv", b"id,a,b,a\n1,2,3,4\n", r"columns \['a'\] are there more than once"),
        ("x.csv", b"a;b\n1;2\n", "line 1: not valid CSV .*separated by ';'; expected commas"),
        ("x.jsonl", '{"a": 1}'.encode("utf-16-le"), "not UTF-8 .*UTF-16LE"),
        ("x.json", b"", "has no rows: it is empty"),
        ("x.jsonl", b"PAR1....PAR1", r"is Parquet; rename it so that it ends in \.parquet"),
        ("x.csv", gzip.compress(b"a\n1\n"), r"is gzipped; rename it so that it ends in \.gz"),
        ("x.csv", b"PK\x03\x04xlsx", "a zip archive or a spreadsheet"),
        ("x.parquet", b"PK\x03\x04", "a zip archive"),
        ("._x.jsonl", b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "macOS .* without ._"),
        ("x.jsonl", b"<!doctype html>", "is a web page"),
        ("x.jsonl", POINTER, "Git LFS pointer.* 147.9 MB.*lfs pull"),
        ("x.json", POINTER, "Git LFS pointer"),
        ("x.csv", POINTER, "Git LFS pointer"),
        ("x.parquet", POINTER, "Git LFS pointer"),
        ("x.arrow", POINTER, "Git LFS pointer"),
        ("x.jsonl.gz", POINTER, "Git LFS pointer"),
        ("x.parquet", b"PAR1", "can't be read as parquet"),
        ("x.arrow", b"ARROW1", "can't be read as arrow"),
        ("x.txt", b"{}", "unknown ending"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message) as error:
        read_source(str(tmp_path / name))
    assert str(tmp_path / name) in str(error.value)


@pytest.mark.parametrize(
    "path", ["./x", "/x/y", "~/x", "data.jsonl", "a/b/c", "x.csv.gz", "../x", "A.PARQUET"]
)
def test_what_looks_like_a_path_never_reaches_the_hub(path, monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("asked the hub"))
    with pytest.raises(ValueError, match="expected an existing file or folder"):
        read_source(path)
    assert not looks_like_path("openai/gsm8k:main")


def test_hub_names_carry_config_split_revision_and_cache(monkeypatch, tmp_path):
    asked = []

    def load_dataset(*args, **kwargs):
        asked.append((args, kwargs))
        one = datasets.Dataset.from_list(ROWS)
        return one if kwargs["split"] else datasets.DatasetDict({"train": one})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    rows, source = read_source("openai/gsm8k:main", "train[:3]", "abc", str(tmp_path))
    assert rows == ROWS and (source.revision, source.rows) == ("abc", 3)
    again, pinned = read_source("openai/gsm8k@def", None, "abc")
    assert again == ROWS and (pinned.revision, pinned.sha256) == ("def", source.sha256)
    options = {"split": "train[:3]", "revision": "abc", "cache_dir": str(tmp_path)}
    assert asked[0] == (("openai/gsm8k", "main"), options)
    assert asked[1][0] == ("openai/gsm8k", None) and asked[1][1]["revision"] == "def"


def test_a_hub_that_can_not_be_reached_gives_the_reason_and_the_cure(monkeypatch):
    def load_dataset(*_, **__):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    message = r"'some/name'; expected .* \(ConnectionError: no route\).*path of a downloaded copy"
    with pytest.raises(ValueError, match=message):
        read_source("some/name")


def test_pointers_in_folders_are_named(tmp_path):
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "saved")
    (tmp_path / "data").mkdir()
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "data/train-00000-of-00002.parquet")
    (tmp_path / "data/train-00001-of-00002.parquet").write_bytes(POINTER)
    with pytest.raises(ValueError, match=r"train-00001-of-00002\.parquet is a Git LFS pointer"):
        read_source(str(tmp_path / "data"), "train")
    for name in ("data-00000-of-00001.arrow", "state.json"):
        (tmp_path / "saved" / name).write_bytes(POINTER)
        with pytest.raises(ValueError, match=rf"{name} is a Git LFS pointer"):
            read_source(str(tmp_path / "saved"))


def test_a_file_whose_bytes_are_gone_is_named(tmp_path):
    (tmp_path / "train.jsonl").symlink_to(tmp_path / "blobs" / "gone")
    with pytest.raises(ValueError, match=r"train\.jsonl can't be read: No such file"):
        read_source(str(tmp_path), "train")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.json"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path, encoding, name):
    text = "q,a\nGröße?,1\n" if name == "x.csv" else '{"q": "Größe?", "a": "1"}\n'
    (tmp_path / name).write_bytes(text.encode(encoding))
    rows, source = read_source(str(tmp_path / name))
    assert rows == ROWS[:1]
    assert bool(source.notes) is (encoding != "utf-8-sig")


def test_an_ending_in_capitals_is_one_too(tmp_path):
    (tmp_path / "ROWS.JSONL.GZ").write_bytes(gzip.compress(_json_lines()))
    assert read_source(str(tmp_path / "ROWS.JSONL.GZ"))[0] == ROWS
    assert read_source(str(tmp_path))[0] == ROWS


def test_what_hf_download_leaves_behind_is_read_by_split(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("# hi")
    for number, part in enumerate((ROWS[:2], ROWS[2:])):
        name = f"data/train-{number:05d}-of-00002.parquet"
        pq.write_table(pa.Table.from_pylist(part), tmp_path / name)
    pq.write_table(pa.Table.from_pylist(ROWS[:1]), tmp_path / "data/test-00000-of-00001.parquet")
    assert read_source(str(tmp_path), "train")[0] == ROWS
    assert read_source(str(tmp_path), "test")[0] == ROWS[:1]
    assert read_source(str(tmp_path), "train[1:2]")[0] == ROWS[1:2]
