"""Arrow tables: classes by name, floats with their own digits, columns once."""

from collections import Counter

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from score.problems.numbers import as_text
from score.problems.sources import read_source
from score.problems.tables import rows_of

YES_NO = datasets.ClassLabel(names=["Yes", "No"])
FEATURES = datasets.Features(
    {
        "answer": YES_NO,
        "several": datasets.List(YES_NO),
        "nested": {"label": YES_NO, "text": datasets.Value("string")},
        "old": datasets.Sequence({"label": YES_NO}),
        "number": datasets.Value("int64"),
    }
)
CODED = [
    {"answer": 0, "several": [1, 0], "nested": {"label": 1, "text": "x"}, "old": [], "number": 1},
    {"answer": -1, "several": [], "nested": {"label": None, "text": "y"}, "old": None, "number": 0},
]


def _data_set():
    coded = [row | {"old": {"label": [1]} if row["old"] == [] else {"label": []}} for row in CODED]
    return datasets.Dataset.from_list(coded, features=FEATURES)


def _forms(folder):
    saved = _data_set()
    saved.save_to_disk(folder / "saved")
    datasets.DatasetDict({"train": saved}).save_to_disk(folder / "splits")
    saved.to_parquet(folder / "x.parquet")
    return [
        folder / "saved",
        folder / "splits",
        folder / "x.parquet",
        *(folder / "saved").glob("*.arrow"),
    ]


def test_classes_are_names_in_every_form_and_at_every_depth(tmp_path):
    for path in _forms(tmp_path):
        rows, source = read_source(str(path))
        assert [row["answer"] for row in rows] == ["Yes", None], path
        assert [row["several"] for row in rows] == [["No", "Yes"], []]
        assert [row["nested"]["label"] for row in rows] == ["No", None]
        assert rows[0]["old"] == {"label": ["No"]}
        assert [row["number"] for row in rows] == [1, 0]
        (note,) = [what for what in source.notes if "'answer'" in what]
        assert source.notes[note] == 1 and "(Yes)" in note


def test_classes_of_the_hub_are_names(monkeypatch):
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: _data_set())
    assert read_source("owner/name", "train")[0][0]["answer"] == "Yes"


def test_a_class_without_a_name_is_refused():
    features = {"a": {"names": ["Yes", "No"], "_type": "ClassLabel"}}
    with pytest.raises(
        ValueError, match=r"here: column 'a' holds class number 2; expected one below 2"
    ):
        rows_of(pa.table({"a": [0, 2]}), "here", Counter(), features)


def test_floats_of_fewer_bits_keep_their_own_digits(tmp_path):
    table = pa.table(
        {
            "single": pa.array([0.1, 1e-05, None], pa.float32()),
            "half": pa.array([0.1, 1.0, None], pa.float16()),
            "lists": pa.array([[0.1], [], None], pa.list_(pa.float32())),
            "objects": pa.array([{"x": 0.1}, {"x": None}, None], pa.struct({"x": pa.float32()})),
            "coded": pa.array([0.1, 0.1, None], pa.float32()).dictionary_encode(),
            "double": pa.array([0.1, 1e-05, None], pa.float64()),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    rows, _ = read_source(str(tmp_path / "x.parquet"))
    assert {name: as_text(cell) for name, cell in rows[0].items() if name != "objects"} == {
        "single": "0.1",
        "half": "0.1",
        "lists": ["0.1"],
        "coded": "0.1",
        "double": "0.1",
    }
    assert as_text(rows[0]["objects"]["x"]) == "0.1" and rows[1]["objects"] == {"x": None}
    assert as_text(rows[1]["single"]) == as_text(rows[1]["double"]) == "0.00001"
    assert set(rows[2].values()) == {None}


def test_whole_numbers_beside_a_gap_stay_exact(tmp_path):
    pq.write_table(pa.table({"a": pa.array([2**53 + 1, None])}), tmp_path / "x.parquet")
    assert read_source(str(tmp_path / "x.parquet"))[0] == [{"a": 2**53 + 1}, {"a": None}]


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow"])
def test_two_columns_of_one_name_are_refused(tmp_path, name):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    if name.endswith("parquet"):
        pq.write_table(table, tmp_path / name)
    else:
        with pa.ipc.new_file(str(tmp_path / name), table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(ValueError, match=rf"{name}: columns \['a'\] are there more than once"):
        read_source(str(tmp_path / name))


def test_no_column_is_read_from_the_names_of_folders(tmp_path):
    folder = tmp_path / "year=2020"
    folder.mkdir()
    pq.write_table(pa.table({"a": [1]}), folder / "x.parquet")
    assert read_source(str(folder / "x.parquet"))[0] == [{"a": 1}]


def test_an_object_with_two_fields_of_one_name_is_refused(tmp_path):
    twins = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    pq.write_table(pa.table({"s": twins}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"x\.parquet: column 's' can't be read: .*duplicate"):
        read_source(str(tmp_path / "x.parquet"))
