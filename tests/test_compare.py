"""Comparison: the two tables, and metrics files that are missing or malformed."""

import csv
import json

import pytest
from score.compare import COLUMNS, main
from score.metrics import self_correction

BASE = [True] * 263 + [False] * 237, [True] * 184 + [False] * 79 + [True] * 23 + [False] * 214
SCORE = [True] * 300 + [False] * 200, [True] * 293 + [False] * 7 + [True] * 29 + [False] * 171


def _write(path, rates):
    path.write_text(json.dumps({"self_correction": rates, "num_rollouts": 500}))
    return path


def _flags(folder, *pairs):
    tables = ["--csv", str(folder / "t.csv"), "--markdown", str(folder / "t.md")]
    return ["--metrics", *map(str, pairs), *tables]


def test_policies_stand_in_the_given_order_as_fractions_and_as_percent(tmp_path, capsys):
    score = _write(tmp_path / "s.json", self_correction(*SCORE, samples=1000))
    base = _write(tmp_path / "b.json", self_correction(*BASE, samples=1000))
    main(_flags(tmp_path, f"score={score}", f"base={base}"))
    with open(tmp_path / "t.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["policy", *COLUMNS]
    assert COLUMNS[:4] == ("num_problems", "accuracy_t1", "accuracy_t1_low", "accuracy_t1_high")
    assert [row["policy"] for row in rows] == ["score", "base"]
    assert [rows[1][name] for name in COLUMNS[1::3]] == [
        "0.526",
        "0.414",
        "-0.112",
        "0.046",
        "0.158",
    ]
    markdown = (tmp_path / "t.md").read_text()
    assert capsys.readouterr().out == markdown
    assert "Δ(t1,t2)" in markdown.splitlines()[0]
    cells = [cell.strip() for cell in markdown.splitlines()[2].split("|")]
    assert cells[1:3] == ["score", "500"]
    assert [cell.split(" [")[0] for cell in cells[3:8]] == ["60.0", "64.4", "+4.4", "5.8", "1.4"]
    assert "95 % paired bootstrap" in markdown.splitlines()[-1]


def test_a_change_that_rounds_to_nothing_has_no_minus_sign(tmp_path):
    rates = dict.fromkeys(COLUMNS, 0) | {"delta": -0.0004, "delta_low": -0.002}
    main(_flags(tmp_path, f"copy={_write(tmp_path / 's.json', rates)}"))
    assert "| +0.0 [-0.2, +0.0]" in (tmp_path / "t.md").read_text()


def test_policies_judged_on_different_problems_are_warned_about(tmp_path, capsys):
    one = _write(tmp_path / "1.json", self_correction([True], [True]))
    two = _write(tmp_path / "2.json", self_correction([True] * 2, [True] * 2))
    main(_flags(tmp_path, f"a={one}", f"b={two}"))
    assert "WARNING: policies were judged on [1, 2] problems" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "'base', .*m.json: no such file"),
        ("{", "'base', .*m.json: malformed"),
        ("[]", "malformed"),
        ('{"turns": {}}', "malformed .KeyError..self_correction"),
        ('{"self_correction": {"num_problems": 1}}', "malformed .KeyError..accuracy_t1"),
        (json.dumps({"self_correction": dict.fromkeys(COLUMNS, None)}), "num_problems is None"),
        (json.dumps({"self_correction": dict.fromkeys(COLUMNS, float("nan"))}), "is nan"),
    ],
)
def test_missing_or_malformed_metrics_are_named_and_nothing_is_written(tmp_path, text, message):
    if text is not None:
        (tmp_path / "m.json").write_text(text)
    with pytest.raises(SystemExit, match=message):
        main(_flags(tmp_path, f"base={tmp_path / 'm.json'}"))
    assert not (tmp_path / "t.csv").exists()


def test_flags_that_name_no_policy_or_one_twice_are_refused(tmp_path):
    base = _write(tmp_path / "b.json", self_correction([True], [True]))
    for pairs, message in (
        ([base], "expected policy=path"),
        ([f"={base}"], "expected policy=path"),
        ([f"a={base}", f"a={base}"], "names policy 'a' twice"),
    ):
        with pytest.raises(SystemExit, match=message):
            main(_flags(tmp_path, *pairs))
