"""Files of attempts and records, read by policy and refused by its name."""

import json

import pytest
from analysed import attempts_of
from score.comparison.instances import instance_values, read_attempts, read_records


def test_inputs_are_refused_by_the_name_of_the_policy(tmp_path):
    for pairs, message in ((["a"], "holds 'a'"), (["a=1", "a=2"], "names 'a' twice")):
        with pytest.raises(ValueError, match=message):
            instance_values("--attempts", pairs)
    frame, path = attempts_of(), tmp_path / "a.parquet"
    for spoiled, message in (
        (frame.drop(columns="tokens_t2"), "'tokens_t2'.* are missing. Verify that instance again"),
        (frame[:0], "correct_t1 is empty"),
        (frame.assign(correct_t1=None), "correct_t1 holds something else"),
        (frame.drop(columns=["correct_t1"]), "expected 1, 2 and so on"),
    ):
        spoiled.to_parquet(path)
        with pytest.raises(ValueError, match=f"'x', .*{message}"):
            read_attempts("--attempts", [f"x={path}"], ("tokens", "correct"))
    path.write_text("{")
    with pytest.raises(ValueError, match=r"'x', .*a.parquet"):
        read_attempts("--attempts", [f"x={path}"], ("correct",))
    with pytest.raises(ValueError, match="records of 'x'"):
        read_records("--records", [f"x={path}"])


def test_records_of_rounds_follow_on_each_other_and_a_round_may_have_none(tmp_path):
    rounds = [[{"step": 1, "step_time": 2.0}, {"step": 2, "step_time": 3.0}], [], [{"step": 1}]]
    for i, lines in enumerate(rounds):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"{i}.jsonl").write_text(text)
    frame = read_records("--records", [f"star={tmp_path / f'{i}.jsonl'}" for i in range(3)])["star"]
    assert list(frame["step"]) == [1, 2, 3]
    assert frame["step_time"].sum() == 5.0
