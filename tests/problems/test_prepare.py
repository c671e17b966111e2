"""Preparation: splits that do not depend on row order, and bad rows refused by name."""

import json
import random

import pytest
from places import DATA
from score.problems.prepare import COMMAND, PrepareSettings, main, prepare
from score.problems.problem import read_problems

real_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data sets are not in {DATA}")
OUTPUTS = ("data_card.json", "data_card.md", "test.jsonl", "train.jsonl", "validation.jsonl")
DROP = {"on_bad_gold": "drop", "on_duplicate": "drop", "on_leakage": "drop"}

HOOKED_TASK = """
FIRST_PROMPT = "{question}"
CORRECTION_PROMPT = "again"
EVALUATOR_FUNCTIONS = ("em",)
MARKER = ""

def question_from_row(row):
    return f"{row['head']} {row['tail']}"

def gold_from_row(row):
    return [test.strip() for test in row["tests"]]

def parse_gold(raw):
    return " ".join(raw)

def state(answer, marker):
    return answer if answer != "unsound" else ""

def extract(attempt, mode, marker):
    return attempt or None

def grade(extracted, answer, function):
    return float(extracted == answer)

quick_grade = grade
"""


def _rows(count, start=0):
    return [
        {"id": f"p{i}", "q": f"What is {i} + {i}?", "a": str(2 * i)} for i in range(start, count)
    ]


def _write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def _settings(data_path, **changes):
    settings = {
        "task_type": "math",
        "data_path": data_path,
        "random_seed": 0,
        "validation_size": 5,
        "test_size": 10,
        "id_col": "id",
        "question_col": "q",
        "gold_col": "a",
    }
    return PrepareSettings(**(settings | changes))


def _run(folder, settings: PrepareSettings) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(vars(settings)))
    main(["--settings", str(folder / "settings.json"), "--output-dir", str(folder / "out")])
    return {path.name: path.read_bytes() for path in sorted((folder / "out").iterdir())}


def test_splits_depend_on_the_questions_and_the_seed_but_not_on_the_order_of_rows(tmp_path):
    rows = _rows(40)
    settings = _settings(_write(tmp_path / "rows.jsonl", rows))
    splits, card = prepare(settings)
    assert card["splits"] == {"train": 25, "validation": 5, "test": 10}
    ids = [problem.id for split in splits.values() for problem in split]
    assert sorted(ids) == sorted(row["id"] for row in rows)
    random.Random(0).shuffle(rows)
    _write(tmp_path / "rows.jsonl", rows)
    assert prepare(settings)[0] == splits
    assert prepare(_settings(settings.data_path, random_seed=1))[0] != splits
    # asking for less of one split leaves the others alone
    smaller = prepare(_settings(settings.data_path, train_size=7))[0]
    assert (smaller["test"], smaller["validation"]) == (splits["test"], splits["validation"])
    assert smaller["train"] == splits["train"][:7]


def test_the_same_inputs_give_the_same_bytes(tmp_path, capsys):
    settings = _settings(_write(tmp_path / "rows.jsonl", [*_rows(40), *_rows(41)]), **DROP)
    first = _run(tmp_path / "one", settings)
    assert tuple(first) == OUTPUTS
    assert first == _run(tmp_path / "two", settings)
    assert (
        "81 rows read: 26 train, 5 validation, 10 test; 41 kept (50.6 %); "
        in capsys.readouterr().err
    )
    assert read_problems(tmp_path / "one/out/test.jsonl") == prepare(settings)[0]["test"]
    card = json.loads(first["data_card.json"])
    assert card["rows_dropped"] == {"bad_gold": 0, "duplicate": 40, "leakage": 0}
    assert card["rows_kept"] == 41 and card["rows_unused"] == 0
    assert "and 20 more" in first["data_card.md"].decode()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "bad", "q": "Q?", "a": ""}, "bad: the gold is empty"),
        ({"id": "bad", "q": "Q?", "a": []}, "bad: the gold is a list"),
        ({"id": "bad", "q": "Q?", "a": {"x": "1"}}, "bad: the gold is a dict"),
        ({"id": "bad", "q": "Q?", "a": "}{"}, "bad: the gold '}{' has a brace that does not close"),
        ({"id": "bad", "q": "Q?"}, "bad: field 'a' is missing"),
        ({"id": "bad", "q": None, "a": "1"}, "bad: field 'q' is missing"),
        ({"id": "bad", "q": " \n", "a": "1"}, r"bad: question is ' \\n'; expected a text"),
        ({"id": "bad", "q": 7, "a": "1"}, "bad: question is 7; expected a text"),
        ({"id": "bad", "q": "\ud800", "a": "1"}, "bad: holds half of a surrogate pair"),
        ({"id": "bad", "q": "Q?", "a": float("nan")}, "bad: the gold is nan, as programs write"),
        ({"id": "bad", "q": "Q?", "a": -float("inf")}, "bad: the gold is -inf"),
        ({"id": "bad", "q": "Q?", "a": "NaN"}, "bad: the gold is NaN"),
        (
            {"id": "bad", "q": "Q?", "a": "None"},
            "bad: the gold is None, .* write it in other letters",
        ),
        ({"id": "bad", "q": "Q?", "a": "\u200b"}, r"bad: the gold is '\\u200b', characters that"),
        ({"id": "bad", "q": "nan", "a": "1"}, "bad: question is 'nan'; expected a text"),
        ({"id": "bad", "q": float("nan"), "a": "1"}, "bad: question is nan; expected a text"),
        ({"id": "bad", "q": "\u200b\ufeff", "a": "1"}, "bad: question is '"),
        ({"id": float("nan"), "q": "Q?", "a": "1"}, "row-21: id column 'id' is nan"),
        ({"id": "", "q": "Q?", "a": "1"}, "row-21: id column 'id' is ''"),
        ({"q": "Q?", "a": "1"}, "row-21: id column 'id' is None"),
        ({"id": "", "q": "Q?", "a": "1"}, "row-21: id column 'id' is ''"),
        ({"id": ["x"], "q": "Q?", "a": "1"}, r"row-21: id column 'id' is \['x'\]"),
        ({"id": "p3", "q": "Q?", "a": "1"}, "p3: its id is also that of another question"),
        (
            {"id": "p3x", "q": " what IS 3 + 3?", "a": "7"},
            "p3x?: asks what p3x? asks, with another",
        ),
    ],
)
def test_a_bad_row_is_refused_by_name_or_dropped_and_listed(tmp_path, row, reason, capsys):
    path = _write(tmp_path / "rows.jsonl", [*_rows(20), row])
    with pytest.raises(ValueError, match=reason):
        prepare(_settings(path))
    with pytest.raises(SystemExit, match=reason):
        _run(tmp_path / "refused", _settings(path))
    assert not (tmp_path / "refused" / "out").exists()
    splits, card = prepare(_settings(path, **DROP))
    assert sum(map(len, splits.values())) == 20
    assert len([row for rows in card["dropped"].values() for row in rows]) == 1


def test_every_kind_of_offence_is_told_at_once_with_at_most_ten_names_each(tmp_path):
    bad = [{"id": f"e{i}", "q": f"empty {i}", "a": ""} for i in range(12)]
    path = _write(tmp_path / "rows.jsonl", [*_rows(20), *bad, {"id": "d", "q": "", "a": "1"}])
    test_path = _write(tmp_path / "test.jsonl", _rows(3))
    with pytest.raises(ValueError) as error:
        prepare(_settings(path, test_path=test_path, test_size=None))
    text = str(error.value)
    assert "bad_gold: 13 rows. Correct them, or set on_bad_gold: drop." in text
    assert "and 3 more" in text and text.count("the gold is empty") == 10
    assert "leakage: 3 rows." in text and "p2: asks what test problem p2 asks" in text


def test_no_test_question_or_test_id_stays_in_the_training_rows(tmp_path):
    test = [
        {"id": "t1", "q": "what  is 4 + ４?", "a": "8"},
        {"id": "p5", "q": "Something else?", "a": "1"},
    ]
    path = _write(tmp_path / "rows.jsonl", _rows(20))
    settings = {"test_path": _write(tmp_path / "test.jsonl", test), "test_size": None}
    with pytest.raises(
        ValueError, match=r"p5: has a test(.|\n)*p4: asks what test problem t1 asks"
    ):
        prepare(_settings(path, **settings))
    splits, card = prepare(_settings(path, **settings, on_leakage="drop"))
    assert {row["id"] for row in card["dropped"]["leakage"]} == {"p4", "p5"}
    assert len(splits["test"]) == 2
    assert not {"p4", "p5"} & {p.id for p in splits["train"] + splits["validation"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question_col": "Q"}, r"question_col is 'Q'; expected one of \['id', 'q', 'a'\]"),
        ({"gold_col": "gold"}, "gold_col is 'gold'; expected one of"),
        ({"gold_col": None}, "gold_col is null; expected one of"),
        ({"id_col": "uid"}, "id_col is 'uid'; expected one of"),
        ({"level_col": "level"}, "level_col is 'level'; expected one of"),
        ({"test_size": 21}, "test_size needs 21 problems; expected at most the 20"),
        ({"validation_size": 11}, "validation_size needs 11 problems; expected at most the 10"),
        ({"train_size": 6}, "train_size needs 6 problems; expected at most the 5"),
        ({"validation_size": 10}, "train_size needs 1 problems; expected at most the 0"),
        (
            {"needed_train": 6},
            "6 train problems are asked for; expected at most the 5 .* training_pro",
        ),
        (
            {"needed_test": 11},
            "11 test problems are asked for; expected at most the 10 .* num_problems",
        ),
        ({"test_size": None}, "test_size is null; expected a number"),
        ({"test_size": 0}, "test_size is 0; expected at least 1"),
        ({"validation_size": -1}, "validation_size is -1; expected 0 or more"),
        ({"on_leakage": "ignore"}, "on_leakage is 'ignore'; expected 'refuse' or 'drop'"),
        ({"gold_pattern": "("}, "not a regular expression"),
        ({"gold_pattern": "x"}, "gold_pattern is 'x'; expected one group"),
        ({"revision": "main"}, "revision is 'main'; expected null"),
        ({"task_type": "maths"}, "task_type is 'maths'; expected one of"),
        ({"evaluator_function": "f2"}, "evaluator_function is 'f2'"),
        ({"verifier_workers": 0}, "workers is 0"),
        ({"data_path": "missing.jsonl"}, "data path is 'missing.jsonl'; expected an existing file"),
    ],
)
def test_a_setting_that_can_not_be_met_is_refused(tmp_path, changes, message):
    path = _write(tmp_path / "rows.jsonl", _rows(20))
    with pytest.raises(ValueError, match=message):
        prepare(_settings(changes.pop("data_path", path), **changes))


def test_a_source_or_a_split_without_problems_is_refused(tmp_path):
    path = _write(tmp_path / "rows.jsonl", _rows(20))
    empty = _write(tmp_path / "empty.jsonl", [])
    with pytest.raises(ValueError, match="has no rows"):
        prepare(_settings([path, empty]))
    bad = _write(tmp_path / "bad.jsonl", [{"id": "x", "q": "?", "a": ""}])
    with pytest.raises(ValueError, match="test has no problems"):
        prepare(_settings(path, test_path=bad, test_size=None, **DROP))


def test_columns_give_number_ids_levels_and_the_last_match_of_the_gold_pattern(tmp_path):
    rows = [
        {"n": 7, "q": "one?", "text": "#### 1\nno:\n#### 1,024 ", "level": "Level 5"},
        {"n": 8, "q": "two?", "text": "so #### 2", "level": 3},
        {"n": 9, "q": "three?", "text": "#### 3", "level": None},
    ]
    changes = {
        "id_col": "n",
        "gold_col": "text",
        "gold_pattern": r"####\s*(.+)",
        "level_col": "level",
        "validation_size": 1,
        "test_size": 1,
    }
    path = _write(tmp_path / "rows.jsonl", rows)
    splits, _ = prepare(_settings(path, **changes))
    found = {p.id: (p.answer, p.level) for split in splits.values() for p in split}
    assert found == {"7": ("1,024", "5"), "8": ("2", "3"), "9": ("3", None)}
    numbered, _ = prepare(_settings(path, **(changes | {"id_col": None})))
    assert {p.id for split in numbered.values() for p in split} == {"row-1", "row-2", "row-3"}
    _write(tmp_path / "rows.jsonl", [*rows, {"n": 10, "q": "four?", "text": "four"}])
    with pytest.raises(ValueError, match=r"10: gold_pattern .* matches nothing in 'four'"):
        prepare(_settings(path, **changes))


def test_a_task_may_read_whole_rows(tmp_path):
    (tmp_path / "hooked.py").write_text(HOOKED_TASK)
    rows = [{"id": i, "head": "do", "tail": str(i), "tests": ["a", str(i)]} for i in range(6)]
    path = _write(tmp_path / "rows.jsonl", rows)
    changes = {"task_type": str(tmp_path / "hooked.py"), "question_col": None, "gold_col": None}
    sizes = {"validation_size": 1, "test_size": 1}
    splits, _ = prepare(_settings(path, **changes, **sizes))
    assert {(p.question, p.answer) for p in splits["train"]} <= {
        (f"do {i}", f"a {i}") for i in range(6)
    }
    _write(tmp_path / "rows.jsonl", [*rows, {"id": 6, "head": "do", "tests": ["a"]}])
    with pytest.raises(ValueError, match="6: field 'tail' is missing; the row has"):
        prepare(_settings(path, **changes, **sizes))
    _write(tmp_path / "rows.jsonl", [*rows, {"id": 6, "head": "do", "tail": "x", "tests": [1]}])
    with pytest.raises(ValueError, match="6: a field is of the wrong type"):
        prepare(_settings(path, **changes, **sizes))
    unsound = {"id": 7, "head": "do", "tail": "x", "tests": ["unsound"]}
    _write(tmp_path / "rows.jsonl", [*rows, unsound])
    with pytest.raises(ValueError, match=r"7: gold 'unsound' does not verify .*: no_answer"):
        prepare(_settings(path, **changes, **sizes))


def test_a_gold_that_the_pattern_finds_may_be_missing_too(tmp_path):
    path = _write(tmp_path / "rows.jsonl", [{"id": "bad", "q": "Q?", "a": "#### nan"}])
    with pytest.raises(ValueError, match="bad: the gold is nan"):
        prepare(_settings(path, gold_pattern="#### (.+)"))


def test_no_invisible_character_hides_a_test_question(tmp_path):
    spoilt = [f"What\u200b is {i} +\u00ad {i}?\ufeff" for i in range(3)]
    test = [{"id": f"t{i}", "q": question, "a": str(2 * i)} for i, question in enumerate(spoilt)]
    settings = _settings(
        _write(tmp_path / "rows.jsonl", _rows(20)),
        test_path=_write(tmp_path / "test.jsonl", test),
        test_size=None,
    )
    with pytest.raises(
        ValueError, match=r"leakage: 3 rows(.|\n)*p2: asks what test problem t2 asks"
    ):
        prepare(settings)


def test_the_card_names_what_was_changed_or_left_out_with_counts(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    lines = [f'{{"id": {i}.0, "q": "{i}?", "a": {i}.0, "l": {i}.0}}' for i in range(16)]
    lines += [
        '{"id": 16.0, "q": "0.5\\u200b?", "a": 0.00001}',
        '{"id": null, "q": "x", "a": 1.0}',
        '{"id": 18.0, "q": "y", "a": NaN}',
    ]
    (folder / "train.jsonl").write_text("\n".join(lines))
    (folder / "._train.jsonl").write_bytes(b"\x00\x05\x16\x07")
    files = _run(tmp_path / "out", _settings(str(folder), level_col="l", **DROP))
    problems = read_problems(tmp_path / "out/out/train.jsonl") + read_problems(
        tmp_path / "out/out/test.jsonl"
    )
    found = {p.id: (p.answer, p.level) for p in problems}
    assert (
        found.items()
        <= ({str(i): (f"{i}.0", str(i)) for i in range(16)} | {"16": ("0.00001", None)}).items()
    )
    card = files["data_card.md"].decode()
    for line in (
        "1 hidden files left out (._train.jsonl)",
        "18 numbers of column 'id': .0 removed",
        "16 numbers of column 'l': .0 removed",
        "* 1 questions with characters that nobody sees",
        "* 1 problems without a level",
        "`18`: the gold is nan",
    ):
        assert line in card
    assert "column 'a'" not in card


def test_tests_that_import_what_is_missing_name_it(tmp_path):
    row = {
        "task_id": 1,
        "prompt": "Add.",
        "code": "def add(a, b):\n    return a + b",
        "test_imports": ["import no_such_module"],
        "test_list": ["assert add(1, 2) == 3"],
    }
    path = _write(tmp_path / "rows.jsonl", [row])
    with pytest.raises(
        ValueError, match=r"1: gold .*: incorrect: no_such_module is imported, which"
    ):
        prepare(_settings(path, task_type="code", id_col="task_id"))
    _write(
        tmp_path / "rows.jsonl",
        [row | {"test_imports": [], "test_list": ["assert add(1, 2) == 4"]}],
    )
    with pytest.raises(ValueError, match=r"1: gold .*: incorrect: AssertionError"):
        prepare(_settings(path, task_type="code", id_col="task_id"))


def test_of_several_reference_answers_any_is_right_or_all_must_be_named(tmp_path):
    path = tmp_path / "olympiad.jsonl"
    finals = [["$\\frac{1}{2}$"], ["$2$", "$-2$"], ["$(1,8),(2,7)$"], ["Friday"], ["$x>2$"]]
    rows = [{"question": f"Q{n}", "final_answer": f} for n, f in enumerate(finals)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"task_type": "math", "gold_col": "final_answer", "test_size": 1, "id_col": None}
    settings |= {"question_col": "question", "validation_size": 1}
    for how, answer in (("any", ["$2$", "$-2$"]), ("all", "$2$, $-2$")):
        splits, card = prepare(_settings(str(path), **settings, several_golds=how))
        answers = [problem.answer for problems in splits.values() for problem in problems]
        assert answer in answers and "$\\frac{1}{2}$" in answers and len(answers) == len(rows)
        (note,) = card["notes"].items()
        assert note == ("answers that are words, so that only the same words equal them", 1)
    with pytest.raises(ValueError, match="several_golds is 'all'; expected 'any' for task 'qa'"):
        prepare(_settings(str(path), **settings | {"task_type": "qa"}, several_golds="all"))


def test_foreign_texts_steer_neither_the_terminal_nor_the_card(tmp_path, capsys):
    hostile = "p`\x1b[2J\x9b31m\u202e\n| <img src=x> |\n# Data card"
    rows = _rows(30)
    rows[3] |= {"id": hostile, "a": f"{hostile}$"}
    rows[4] |= {"id": "x" * 5000, "q": rows[5]["q"]}
    (folder := tmp_path / "a`b\x1b[31m").mkdir()
    settings = _settings(_write(folder / "d.jsonl", rows))
    with pytest.raises(ValueError) as error:
        prepare(settings)
    with pytest.raises(SystemExit) as ended, COMMAND.errors():
        raise error.value
    told = str(ended.value)
    assert r"p`\x1b[2J\x9b31m\u202e\n| <img" in told
    assert all(line.isprintable() and len(line) < 400 for line in told.splitlines())
    assert len(told.splitlines()) == 5
    files = _run(tmp_path / "out", _settings(settings.data_path, **DROP))
    card = files["data_card.md"].decode()
    assert all(line.isprintable() and len(line) < 700 for line in card.splitlines())
    assert card.startswith("# Data card: math\n") and "\n# " not in card
    as_json = files["data_card.json"].decode()
    assert "\x9b" not in as_json and "\u202e" not in as_json
    assert json.loads(as_json)["dropped"]["bad_gold"][0]["id"] == hostile
    assert "\x1b" not in capsys.readouterr().err
