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


@pytest.mark.parametrize(
    "line, message",
    [
        ("{", "line 2 is"),
        ("[]", "line 2 is"),
        ('{"attempt": "x"}', 'line 2 has no "answer"'),
        ('{"attempt": 4, "answer": "x"}', 'line 2: "attempt" is 4'),
    ],
)
def test_the_command_names_a_bad_line(tmp_path, line, message):
    path = tmp_path / "in.jsonl"
    path.write_text('{"attempt": "", "answer": "1"}\n' + line + "\n")
    with pytest.raises(SystemExit, match=message):
        main(["--task", "math", "--input", str(path), "--output", str(tmp_path / "out.jsonl")])
