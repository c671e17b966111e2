"""The command of the verifiers: verdicts for a file of attempts."""

import json

import pytest
from score.verifiers.__main__ import main


def test_the_command_adds_verdicts_and_keeps_other_keys(tmp_path, capsys):
    lines = [
        {"attempt": r"\boxed{\frac{1}{2}}", "answer": "0.5", "id": 7},
        {"attempt": "0.5", "answer": "0.5"},
        {"attempt": r"\boxed{9^{9^{9^{9}}}}", "answer": "0.5"},
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    main(["--task", "math", "--input", str(source), "--output", str(target), "--deadline", "1"])
    found = [json.loads(line) for line in target.read_text().splitlines()]
    assert found[0] == lines[0] | {
        "extracted": r"\frac{1}{2}",
        "correct": True,
        "verdict": "correct",
        "score": 1.0,
    }
    assert [row["verdict"] for row in found] == ["correct", "no_answer", "incorrect"]
    assert "3 attempts: 1 correct, 1 incorrect, 1 no_answer, 0 timeout" in capsys.readouterr().err


def _judged(folder, task: str, *lines: str) -> list[dict]:
    source, target = folder / "in.jsonl", folder / "out.jsonl"
    source.write_text("\n".join(lines))
    main(["--task", task, "--input", str(source), "--output", str(target)])
    return [json.loads(line) for line in target.read_text().splitlines()]


@pytest.mark.parametrize(
    ("task", "attempt", "answer"),
    [
        ("math", r"\boxed{204}", 204),
        ("math", r"\boxed{0.5}", 0.5),
        ("qa", "Final Answer: 1984", 1984),
        ("qa", "1984", ["Orwell", 1984]),
        ("code", "```python\ndef f(): return 1\n```", {"tests": ["assert f() == 1"]}),
        ("sums", "1 + 2 = 3", 3),
    ],
)
def test_an_answer_may_be_whatever_a_data_set_holds(tmp_path, task, attempt, answer):
    line = {"attempt": attempt, "answer": answer}
    (judged,) = _judged(tmp_path, task, json.dumps(line))
    assert judged["correct"] and {key: judged[key] for key in line} == line


def test_a_number_counts_as_it_is_written(tmp_path):
    line = '{"attempt": "it is 0.00001", "answer": 0.00001}'
    assert _judged(tmp_path, "qa", line)[0]["correct"]


BAD_LINES = [
    ("math", "{", "line 2 is b'{'; expected a JSON object"),
    ("math", "[]", "line 2 is b'\\[\\]'; expected"),
    ("math", '{"attempt": "x"}', 'line 2 has no "answer"'),
    ("math", '{"answer": "x"}', 'line 2 has no "attempt"'),
    ("math", '{"attempt": 4, "answer": "x"}', "line 2 has the attempt 4; expected a text"),
    ("math", '{"attempt": "", "answer": "1", "opening": 5}', "line 2 has the opening 5"),
    ("math", '{"attempt": "", "answer": null}', "line 2 has the answer null; expected one"),
    ("math", '{"attempt": "", "answer": NaN}', "line 2 has the answer NaN; expected one"),
    ("qa", '{"attempt": "", "answer": []}', r"line 2 has the answer \[\]; expected one"),
    ("qa", '{"attempt": "", "answer": ["a", null]}', r'line 2 has the answer \["a", null\]'),
    ("qa", '{"attempt": "", "answer": true}', "line 2 has an answer that the task refuses: the go"),
    ("math", '{"attempt": "", "answer": {"a": 1}}', "line 2 has an answer that the task refuses"),
    ("code", '{"attempt": "", "answer": 204}', "refuses: the gold is '204', not a JSON object"),
    ("sums", '{"attempt": "", "answer": [1]}', r"refuses: the gold is \['1'\], not a whole number"),
]
GOOD = {"math": "1", "qa": "1", "code": {"tests": ["assert f()"]}, "sums": 1}


@pytest.mark.parametrize(("task", "line", "message"), BAD_LINES)
def test_the_command_names_a_bad_line(tmp_path, task, line, message):
    good = json.dumps({"attempt": "", "answer": GOOD[task]})
    with pytest.raises(SystemExit, match=message):
        _judged(tmp_path, task, good, line)


def test_all_bad_lines_are_named_at_once_and_many_are_counted(tmp_path):
    with pytest.raises(SystemExit) as ended:
        _judged(tmp_path, "math", *["[]"] * 12)
    told = str(ended.value)
    assert "line 1 is" in told and "line 10 is" in told and "and 2 more lines" in told


@pytest.mark.parametrize(
    ("input", "output", "message"),
    [
        ("in.jsonl", "no/out.jsonl", "no/out.jsonl lies in .*no, which is no folder; .* mkdir -p"),
        ("in.jsonl", "", "is a folder; expected the name of a file"),
        ("", "out.jsonl", "--input is .*; expected an existing file"),
        ("gone.jsonl", "out.jsonl", "gone.jsonl; expected an existing file"),
        ("empty.jsonl", "out.jsonl", "empty.jsonl has no lines"),
    ],
)
def test_places_are_looked_at_before_anything_is_judged(
    tmp_path, monkeypatch, input, output, message
):
    (tmp_path / "in.jsonl").write_text('{"attempt": "x", "answer": "1"}')
    (tmp_path / "empty.jsonl").write_text("\n")
    monkeypatch.setattr("score.verifiers.verifier.Verifier.__call__", None)
    flags = ["--task", "math", "--input", str(tmp_path / input)]
    with pytest.raises(SystemExit, match=message):
        main([*flags, "--output", str(tmp_path / output)])
