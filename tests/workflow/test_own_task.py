"""A task of one's own is one short file, that of docs/tasks.md here: from rows to metrics, and into the
workflow."""

import json

import pandas as pd
import pytest
import score.verifiers.verifier
from pages import fences
from places import ROOT
from score.evaluation import verify
from score.problems import prepare
from score.problems.problem import read_problems
from score.sampling.few_shot import read_few_shot
from score.sampling.prompts import first_messages
from score.tasks import load_task
from score.verifiers.verifier import Verifier

(ROMAN,) = fences(ROOT / "docs/tasks.md", "python")
NUMERALS = {"I": 1, "IV": 4, "IX": 9, "XL": 40, "XC": 90, "CD": 400, "CM": 900, "MD": 1500}


@pytest.fixture
def task_file(tmp_path):
    path = tmp_path / "roman.py"
    path.write_text(ROMAN)
    return str(path)


def _json(path, value):
    path.write_text(json.dumps(value))
    return str(path)


def _prepare(folder, task_file, rows):
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"task_type": task_file, "data_path": str(folder / "rows.jsonl"), "random_seed": 0}
    settings |= {"question_col": "numeral", "gold_col": "value"}
    settings |= {"validation_size": 2, "test_size": 3}
    command = ["--settings", _json(folder / "prepare.json", settings)]
    prepare.main([*command, "--output-dir", str(folder / "problems")])


def test_its_rows_are_prepared_and_its_attempts_judged_by_the_commands(tmp_path, task_file):
    _prepare(tmp_path, task_file, [{"numeral": n, "value": v} for n, v in NUMERALS.items()])
    splits = {n: read_problems(tmp_path / f"problems/{n}.jsonl") for n in ("train", "test")}
    assert [len(problems) for problems in splits.values()] == [3, 3]
    assert all(NUMERALS[p.question] == int(p.answer) for p in splits["test"])
    rows = [
        {"problem_id": p.id, "answer": json.dumps(p.answer), "attempt_t1": "a thousand"}
        | {"attempt_t2": f"It is {p.answer}"}
        for p in splits["test"]
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "sampled.parquet")
    settings = {"task_type": task_file, "bootstrap_samples": 100}
    flags = ["--settings", _json(tmp_path / "judge.json", settings)]
    flags += ["--sampled", str(tmp_path / "sampled.parquet")]
    flags += ["--attempts", str(tmp_path / "attempts.parquet")]
    verify.main([*flags, "--metrics", str(tmp_path / "metrics.json")])
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["turns"]["1"]["verdicts"]["error"] == 3  # int("thousand") raises, in a worker
    assert metrics["self_correction"]["incorrect_to_correct"] == 1.0


def test_a_gold_that_its_file_refuses_is_named_before_anything_is_written(tmp_path, task_file):
    rows = [{"numeral": n, "value": v} for n, v in NUMERALS.items()]
    with pytest.raises(SystemExit, match=r"row-9: the gold is 'many', not a number"):
        _prepare(tmp_path, task_file, [*rows, {"numeral": "Q", "value": "many"}])
    assert not (tmp_path / "problems").exists()


def test_its_prompts_and_the_few_shot_files_of_its_name_are_used(tmp_path, task_file):
    task = load_task(task_file)
    example = [
        {"role": "user", "content": task.FIRST_PROMPT.replace("{question}", "II")},
        {"role": "assistant", "content": "2"},
    ]
    (tmp_path / "shots").mkdir()
    _json(tmp_path / "shots/roman_initial.json", example)
    few_shot = read_few_shot(str(tmp_path / "shots"), task_file)
    asked = first_messages("XL", task, few_shot)
    assert asked[:2] == example
    assert asked[2]["content"] == "Which number is XL? End with the number alone."


def test_the_workflow_takes_the_path_of_its_file(tmp_path, task_file, dry_run):
    (tmp_path / "rows.csv").write_text("numeral,value\nI,1\nIV,4\nIX,9\nXL,40\n")
    _json(tmp_path / "roman_initial.json", [])
    problems = {"data_path": str(tmp_path / "rows.csv"), "data_split": None, "test_split": None}
    problems |= {"id_col": None, "question_col": "numeral", "gold_col": "value"}
    problems |= {"train_size": None, "validation_size": 1, "test_size": 1}
    overlay = {"task_type": task_file, "problems": problems, "few_shot_dir": str(tmp_path)}
    jobs = dry_run(overlay | {"verifier": {"evaluator_function": "exact"}})
    assert jobs["train_stage_one", "score_stage_one"].settings["task_type"] == task_file
    assert str(tmp_path / "roman_initial.json") in jobs["sample_attempts", "base", "test"].input


class NoWorker:
    def __init__(self, *_):
        raise TypeError("a worker was started")


def test_a_quick_grader_needs_no_worker(tmp_path, task_file, monkeypatch):
    monkeypatch.setattr(score.verifiers.verifier, "Worker", NoWorker)
    with Verifier("puzzle") as verifier:  # its quick_grade is its grade
        answer = "1 2 3 4 make 6 : -1 =5 -2 =3 -3 =0"
        stated = [
            "-3 =3 -2 =1 -1 =0",
            "ok -1 =5 -2 =3 -3 =0",
            "-1 =5 -1 =4 -4 =0",
            "-1 =5",
            "a b c d e f",
        ]
        verdicts = [verdict.verdict for verdict in verifier(stated, [answer] * 5)]
    assert verdicts == ["correct", "correct", "incorrect", "no_answer", "incorrect"]
    with Verifier(task_file) as verifier, pytest.raises(TypeError):
        verifier(["1"], ["1"])
