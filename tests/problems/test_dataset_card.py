"""Class numbers in CSV and JSON become the names that the README.md of a data set gives them."""

import pytest
from score.problems.dataset_card import class_features
from score.problems.sources import read_source

CARD = """---
license: mit
dataset_info:
- config_name: main
  features:
  - name: answer
    dtype:
      class_label:
        names:
          '0': Yes
          '1': No
          '10': maybe
  - name: several
    list:
      class_label:
        names: [a, b]
  - name: number
    dtype: int64
---
# A data set
"""


def _repository(folder):
    (folder / "main").mkdir()
    (folder / "README.md").write_text(CARD)
    (folder / "main/train.csv").write_text("question,answer,number\nq,0,1\nr,No,0\ns,-1,0\nt,,1\n")
    (folder / "main/test.jsonl").write_text('{"answer": 1, "several": [0, 1], "number": 1}\n{}\n')
    return folder


def test_classes_of_the_readme_are_names(tmp_path):
    _repository(tmp_path)
    for place, split in ((tmp_path, "train"), (tmp_path / "main/train.csv", None)):
        rows, source = read_source(str(place), split)
        assert [row["answer"] for row in rows] == ["Yes", "No", None, ""]
        assert [row["number"] for row in rows] == ["1", "0", "0", "1"]
        assert source.notes == {"class numbers of column 'answer' became names (Yes)": 1}
    rows, _ = read_source(str(tmp_path / "main"), "test")
    assert rows == [{"answer": "No", "several": ["a", "b"], "number": 1}, {}]


def test_a_number_without_a_name_is_refused(tmp_path):
    (_repository(tmp_path) / "main/train.csv").write_text("answer\n3\n")
    with pytest.raises(
        ValueError, match=r"column 'answer' holds class number 3; expected one below 3"
    ):
        read_source(str(tmp_path), "train")


@pytest.mark.parametrize(
    "card", ["# hi", "---\na: [\n---\n", "---\ndataset_info: x\n---\n", "---\n- 1\n---\n"]
)
def test_a_readme_that_tells_of_no_classes_changes_nothing(tmp_path, card):
    (tmp_path / "README.md").write_text(card)
    assert class_features(tmp_path) == {}
