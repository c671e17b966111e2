"""The candidate with the highest accuracy of an attempt wins, and its settings and weights go on."""

import json

import pandas as pd
import pytest
from score.evaluation import choose

CANDIDATES = [{"learning_rate": 0.1}, {"learning_rate": 0.2}, {"learning_rate": 0.3}]
# Of four problems right in turn 1, and in turn 2: 3 and 1, 1 and 2, 4 and 2.
RIGHT = [("1110", "1000"), ("1000", "1001"), ("1111", "0101")]


def judged(first, second):
    return pd.DataFrame(
        {
            "problem_id": list("abcd"),
            "correct_t1": [x == "1" for x in first],
            "correct_t2": [x == "1" for x in second],
        }
    )


def test_table_holds_all_and_the_first_of_the_best_is_chosen():
    told = [judged(*right) for right in RIGHT]
    table = choose.score_candidates(CANDIDATES, told, 2)
    assert list(table["accuracy_t1"]) == [0.75, 0.25, 1.0]
    assert list(table["accuracy_t2"]) == [0.25, 0.5, 0.5]
    assert list(table["delta"]) == [-0.5, 0.25, -0.5]
    assert list(table["chosen"]) == [False, True, False]
    by_first = choose.score_candidates(CANDIDATES, told, 1)["chosen"]
    assert list(by_first) == [False, False, True]


def test_command_leaves_settings_table_and_policy_of_what_won(tmp_path):
    flags = ["--candidates", json.dumps(CANDIDATES), "--attempts"]
    for i, right in enumerate(RIGHT):
        judged(*right).to_parquet(tmp_path / f"{i}.parquet")
        (tmp_path / f"policy{i}").mkdir()
        (tmp_path / f"policy{i}/weights").write_text(str(i))
    flags += [*(str(tmp_path / f"{i}.parquet") for i in range(3)), "--attempt", "2"]
    flags += ["--policies", *(str(tmp_path / f"policy{i}") for i in range(3))]
    for name in ("tuned", "table", "policy"):
        flags += [f"--{name}", str(tmp_path / name)]
    choose.main(flags)
    assert json.loads((tmp_path / "tuned").read_text()) == {"learning_rate": 0.2}
    assert (tmp_path / "policy/weights").read_text() == "1"
    assert len(pd.read_csv(tmp_path / "table")) == 3


@pytest.mark.parametrize("count", [0, 2])
def test_a_candidate_without_attempts_is_refused(count):
    with pytest.raises(ValueError, match="Evaluate every candidate"):
        choose.score_candidates(CANDIDATES[:count], [judged(*RIGHT[0])] * (3 if count else 0), 2)


def test_attempts_of_another_version_are_refused_by_the_columns_that_they_lack(tmp_path):
    judged(*RIGHT[0]).drop(columns="correct_t2").to_parquet(tmp_path / "0.parquet")
    flags = ["--candidates", "[{}]", "--attempt", "2", "--policies", "x"]
    flags += ["--attempts", str(tmp_path / "0.parquet")]
    flags += ["--tuned", "a", "--table", "b", "--policy", "c"]
    with pytest.raises(
        SystemExit, match=r"0.parquet .*lacks the columns \['correct_t2'\]"
    ) as ended:
        choose.main(flags)
    assert ended.value.code == 2
