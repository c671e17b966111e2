"""Judging: verdicts beside the sampled attempts, and what can't be judged."""

import json

import pandas as pd
import pytest
from score.evaluation.second_opinion import disagreements
from score.evaluation.settings import VerifySettings
from score.evaluation.verify import main, verify

SETTINGS = VerifySettings(task_type="math", bootstrap_samples=100)


def _sampled():
    return pd.DataFrame(
        {
            "problem_id": ["p1", "p2", "p3"],
            "level": ["1", "2", None],
            "question": ["q1", "q2", "q3"],
            "answer": ['"1"', '"2"', '"3"'],
            "sample": [0, 0, 0],
            "attempt_t1": [r"\boxed{1}", r"\boxed{9}", None],
            "attempt_t2": [r"\boxed{1}", r"so \boxed{2}", ""],
            "tokens_t1": [4, 5, 0],
            "tokens_t2": [4, 5, 0],
            "truncated_t1": [False, True, False],
            "truncated_t2": [False, False, False],
        }
    )


def _main(folder, sampled=None, settings=SETTINGS):
    if sampled is not None:
        sampled.to_parquet(folder / "sampled.parquet", index=False)
    (folder / "settings.json").write_text(json.dumps(vars(settings)))
    files = {"settings": "settings.json", "sampled": "sampled.parquet"}
    files |= {"attempts": "a.parquet", "metrics": "m.json", "disagreements": "d.jsonl"}
    main([part for flag, name in files.items() for part in (f"--{flag}", str(folder / name))])


def test_every_attempt_gets_a_verdict_and_a_null_attempt_states_nothing():
    judged = verify(_sampled(), SETTINGS)
    assert judged["verdict_t1"].tolist() == ["correct", "incorrect", "no_answer"]
    assert judged["verdict_t2"].tolist() == ["correct", "correct", "no_answer"]
    assert judged["correct_t2"].tolist() == [True, True, False]
    assert judged["score_t2"].tolist() == [1.0, 1.0, 0.0]
    assert judged["extracted_t1"].tolist()[:2] == ["1", "9"] and judged["extracted_t1"].isna()[2]
    assert list(judged.columns[:11]) == list(_sampled().columns)


def test_the_command_writes_attempts_and_metrics_and_tells_the_counts(tmp_path, capsys):
    _main(tmp_path, _sampled())
    first = (tmp_path / "a.parquet").read_bytes(), (tmp_path / "m.json").read_bytes()
    metrics = json.loads(first[1])
    assert metrics["self_correction"]["incorrect_to_correct"] == pytest.approx(1 / 3)
    assert metrics["turns"]["1"]["truncated"] == 1
    assert pd.read_parquet(tmp_path / "a.parquet")["verdict_t2"].tolist()[1] == "correct"
    told = capsys.readouterr().err
    assert "verifying 3 rollouts of task math" in told and "WARNING" not in told
    assert "turn 2: 2 correct, 0 incorrect, 1 no_answer, 0 timeout, 0 error" in told
    assert "verifier: 6 attempts: 3 correct, 1 incorrect, 2 no_answer, 0 timeout, 0 error" in told
    assert (tmp_path / "d.jsonl").read_text() == ""
    _main(tmp_path, _sampled())
    assert first == ((tmp_path / "a.parquet").read_bytes(), (tmp_path / "m.json").read_bytes())


def test_first_attempts_alone_are_judged_without_metrics(tmp_path, capsys):
    sampled = _sampled().filter(regex="^(?!.*_t2)").assign(ids_t1=[[5, 1], [6], []])
    sampled.to_parquet(tmp_path / "sampled.parquet", index=False)
    (tmp_path / "settings.json").write_text(json.dumps(vars(SETTINGS)))
    flags = ["--settings", str(tmp_path / "settings.json")]
    flags += ["--sampled", str(tmp_path / "sampled.parquet")]
    flags += ["--attempts", str(tmp_path / "a.parquet")]
    main(flags)
    judged = pd.read_parquet(tmp_path / "a.parquet")
    assert judged["correct_t1"].tolist() == [True, False, False]
    assert [list(ids) for ids in judged["ids_t1"]] == [[5, 1], [6], []]
    told = capsys.readouterr().err
    assert "turn 1: 1 correct, 1 incorrect, 1 no_answer" in told and "turn 2" not in told
    (tmp_path / "a.parquet").unlink()
    main([*flags, "--disagreements", str(tmp_path / "d.jsonl")])
    assert (tmp_path / "d.jsonl").read_text() == ""
    (tmp_path / "a.parquet").unlink()
    with pytest.raises(SystemExit, match=r"attempt_t\* are \[1\]; expected 1, 2 and so on"):
        main([*flags, "--metrics", str(tmp_path / "m.json")])
    assert not (tmp_path / "a.parquet").exists()


def test_attempts_that_all_state_nothing_are_written_and_counted(tmp_path):
    sampled = _sampled().assign(attempt_t1=None, attempt_t2="no box")
    _main(tmp_path, sampled)
    assert pd.read_parquet(tmp_path / "a.parquet")["extracted_t2"].isna().all()


def test_verdicts_that_the_verifier_could_not_reach_are_warned_about(tmp_path, capsys):
    task = tmp_path / "hanging.py"
    task.write_text(
        "import time\n"
        "FIRST_PROMPT, CORRECTION_PROMPT = '{question}', 'again'\n"
        "EVALUATOR_FUNCTIONS, MARKER = ('em',), ''\n"
        "parse_gold = str\n"
        "def state(answer, marker): return answer\n"
        "def extract(attempt, mode, marker): return attempt or None\n"
        "def grade(extracted, answer, function):\n"
        "    time.sleep(60 if extracted == 'hang' else 0)\n"
        "    return 1 / (extracted != 'raise')\n"
    )
    sampled = _sampled().assign(attempt_t1=["hang", "x", "x"], attempt_t2=["raise", "x", "raise"])
    settings = VerifySettings(task_type=str(task), verifier_deadline=1.0, bootstrap_samples=10)
    _main(tmp_path, sampled, settings)
    told = capsys.readouterr().err
    assert "WARNING: turn 1: 1 attempts could not be judged" in told
    assert "WARNING: turn 2: 2 attempts could not be judged" in told
    verdicts = json.loads((tmp_path / "m.json").read_text())["turns"]["2"]["verdicts"]
    assert (verdicts["error"], verdicts["correct"]) == (2, 1)


OPINIONATED = """
FIRST_PROMPT, CORRECTION_PROMPT = '{question}', 'again'
EVALUATOR_FUNCTIONS, MARKER = ('em',), ''
parse_gold = str
def state(answer, marker): return answer
def extract(attempt, mode, marker): return attempt or None
def grade(extracted, answer, function): return float(extracted == answer)
def second_opinion(extracted, answer, function):
    assert function == 'em'
    return None if extracted == 'unsure' else 1 / len(extracted.strip('!')) and extracted > '2'
"""


def test_a_second_opinion_is_counted_and_its_disagreements_are_listed_but_pay_nothing(tmp_path):
    (tmp_path / "opinionated.py").write_text(OPINIONATED)
    sampled = _sampled().assign(attempt_t1=["1", "2", "3"], attempt_t2=["unsure", "é", "!"])
    _main(
        tmp_path,
        sampled,
        VerifySettings(task_type=str(tmp_path / "opinionated.py"), bootstrap_samples=10),
    )
    turns = json.loads((tmp_path / "m.json").read_text())["turns"]
    assert turns["1"]["second_opinion"] == {
        "agreements": 1,  # 3
        "disagreements": 2,
        "only_verifier_correct": 2,  # 1 and 2
        "only_second_correct": 0,
        "no_opinion": 0,
    }
    two = turns["2"]["second_opinion"]
    # "unsure" has none, and the exception over "!" is one too
    assert (two["no_opinion"], two["only_second_correct"], two["agreements"]) == (2, 1, 0)
    assert turns["2"]["accuracy"] == 0 and turns["2"]["mean_score"] == 0
    listed = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    assert [(row["problem_id"], row["turn"]) for row in listed] == [("p1", 1), ("p2", 1), ("p2", 2)]
    assert listed[2] == {
        "problem_id": "p2",
        "sample": 0,
        "correction": 0,
        "turn": 2,
        "extracted": "é",
        "answer": "2",
        "verdict": "incorrect",
        "second_opinion": "correct",
    }


def test_math_asks_an_independent_grader_and_a_task_without_one_reports_none():
    attempts = {"attempt_t1": [r"\boxed{1}", r"\boxed{\{2\}}", ""], "attempt_t2": None}
    judged = verify(_sampled().assign(**attempts), SETTINGS)
    assert judged["second_opinion_t1"].tolist() == [True, False, pd.NA]  # it knows no algebra
    assert judged["second_opinion_t2"].isna().all()
    listed = disagreements(judged, [1, 2])
    assert [(row["extracted"], row["verdict"]) for row in listed] == [(r"\{2\}", "correct")]
    puzzles = _sampled().assign(answer='"1 2 3 make 6 : -1 =5 -2 =3 -3 =0"')
    judged = verify(puzzles, VerifySettings(task_type="puzzle"))
    assert "second_opinion_t1" not in judged and disagreements(judged, [1, 2]) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="answer"), "expected also .'answer'.*Sample again"),
        (lambda frame: frame.drop(columns="attempt_t2"), r"attempt_t\* are \[1\]"),
        (lambda frame: frame.head(0), "there are no rollouts to verify"),
        (lambda frame: frame.assign(answer="two"), "answer of problem p1 is 'two'"),
        (lambda frame: frame.assign(problem_id=None), "problem_ids holds a null"),
    ],
)
def test_rollouts_that_can_not_be_judged_are_refused(tmp_path, change, message):
    with pytest.raises(SystemExit, match=message):
        _main(tmp_path, change(_sampled()))
    assert not (tmp_path / "a.parquet").exists() and not (tmp_path / "m.json").exists()


def test_a_file_that_is_missing_or_no_parquet_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="expected an existing file"):
        _main(tmp_path)
    (tmp_path / "sampled.parquet").write_text("no")
    with pytest.raises(SystemExit, match="can't be read as parquet"):
        _main(tmp_path)
