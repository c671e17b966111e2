"""Comparison: the two tables of arms and the two of pairs, from judged attempts on disk."""

import csv
import json
from math import atan, comb, pi

import pandas as pd
import pytest
from check_table import check
from judged import outcomes, write_attempts
from score.comparison.compare import COLUMNS, PAIR_COLUMNS, main
from score.files.digests import digest
from score.files.made_with import mark_attempts

BASE = outcomes(184, 79, 23, 214)  # the paper's base policy at 500 problems, and its SCoRe
SCORE = outcomes(293, 7, 29, 171)


def _run(folder, pairs, *flags):
    """Compare instances; returns rows of the table, rows of pairs and both as markdown."""
    tables = ["t.csv", "t.md", "p.csv", "p.md"]
    names = ("--csv", "--markdown", "--pairs-csv", "--pairs-markdown")
    paths = [x for name, table in zip(names, tables, strict=True) for x in (name, folder / table)]
    attempts = ["--attempts", *(f"{instance}={path}" for instance, path in pairs.items())]
    main([*map(str, (*attempts, *paths, *flags))])
    rows = [list(csv.DictReader((folder / table).open(newline=""))) for table in tables[::2]]
    return *rows, *((folder / table).read_text() for table in tables[1::2])


def _cells(markdown, row):
    return [cell.strip() for cell in markdown.splitlines()[2 + row].split("|")[1:-1]]


def test_arms_stand_in_the_given_order_as_fractions_and_as_percent(tmp_path, capsys):
    score = write_attempts(tmp_path / "s", *SCORE)
    base = write_attempts(tmp_path / "b", *BASE)
    rows, _, markdown, _ = _run(tmp_path, {"score": score, "base": base})
    assert list(rows[0]) == ["policy", *COLUMNS]
    assert COLUMNS[:4] == ("num_problems", "accuracy_t1", "accuracy_t1_low", "accuracy_t1_high")
    assert [row["policy"] for row in rows] == ["score", "base"]
    rates = [rows[1][name] for name in COLUMNS[1:16:3]]
    assert rates == ["0.526", "0.414", "-0.112", "0.046", "0.158"]
    of_36_coins = 2 * sum(comb(36, heads) for heads in range(8)) / 2**36
    assert float(rows[0]["delta_p"]) == pytest.approx(of_36_coins)
    assert capsys.readouterr().out == markdown
    cells = _cells(markdown, 0)
    assert cells[:3] == ["score", "500", "1"]
    assert [cell.split(" [")[0] for cell in cells[3:8]] == ["60.0", "64.4", "+4.4", "5.8", "1.4"]
    assert cells[8] == "0.00031"
    assert "one seed are over problems alone" in markdown.splitlines()[-1]
    check(str(tmp_path / "t.csv"))


def test_seeds_of_an_arm_are_one_row_with_their_mean(tmp_path):
    # two seeds that gain 50 and 150 of 1,000 problems, others each
    kinds = {"base": (50, 2, 2, 46), "score/seed0": (50, 0, 5, 45), "score/seed1": (35, 0, 15, 50)}
    kinds = {name: [10 * count for count in counts] for name, counts in kinds.items()}
    pairs = {name: write_attempts(tmp_path / name, *outcomes(*k)) for name, k in kinds.items()}
    rows, _, markdown, _ = _run(tmp_path, pairs)
    assert [(row["policy"], row["seeds"]) for row in rows] == [("base", "1"), ("score", "2")]
    assert float(rows[1]["delta"]) == pytest.approx(0.1)
    # seeds disagree by 10 points: a Cauchy quantile of 12.7 times the 5 by which their mean varies
    assert float(rows[1]["delta_low"]) == pytest.approx(0.1 - 12.706 * 0.05, abs=1e-3)
    # the mean is 2 of its standard errors, beyond which a Cauchy variable is with 1 - 2 atan(2) / π
    assert _cells(markdown, 1)[8] == "0.3" and 1 - 2 * atan(2) / pi == pytest.approx(
        0.295, abs=1e-3
    )


def test_every_two_arms_are_compared_and_corrected_for_each_other(tmp_path):
    same = write_attempts(tmp_path / "b", *BASE)
    pairs = {"base": same, "copy": same, "score": write_attempts(tmp_path / "s", *SCORE)}
    _, rows, _, markdown = _run(tmp_path, pairs)
    names = [(row["policy"], row["other"]) for row in rows]
    assert names == [("base", "copy"), ("base", "score"), ("copy", "score")]
    assert list(rows[0]) == ["policy", "other", *PAIR_COLUMNS]
    assert rows[0]["delta"] == "0.0" and rows[0]["delta_p_holm"] == "1.0"
    assert float(rows[0]["delta_high"]) == pytest.approx(3.8415 / 500, rel=1e-4)  # four problems
    assert float(rows[1]["accuracy_t2"]) == pytest.approx(0.414 - 0.644)
    assert float(rows[1]["delta"]) == pytest.approx(-0.112 - 0.044)
    low, high, p, corrected = (
        float(rows[1][f"delta{end}"]) for end in ("_low", "_high", "_p", "_p_holm")
    )
    assert low < -0.156 < high < 0 and p < 1e-6
    # six values of p: the four of score are at most times 6, at least times 3
    assert 3 * p <= corrected <= 6 * p
    assert _cells(markdown, 0) == ["base", "copy", *["+0.0 [-0.8, +0.8]", "1", "1"] * 2]


def test_one_arm_has_no_pairs(tmp_path):
    rows, pairs, _, _ = _run(tmp_path, {"base": write_attempts(tmp_path / "b", *BASE)})
    assert len(rows) == 1 and pairs == []


def test_what_training_spent_stands_beside_what_it_brought(tmp_path):
    path = write_attempts(tmp_path / "b", *BASE)
    spent = {"attempts": 51200, "updates": 250, "tuning_attempts": 1000}
    (tmp_path / "budgets.json").write_text(json.dumps({"score": spent, "unused": {}}))
    flags = "--budgets", tmp_path / "budgets.json"
    rows, _, markdown, _ = _run(tmp_path, {"base": path, "score": path}, *flags)
    columns = ("training_attempts", "updates", "tuning_attempts")
    assert [rows[1][name] for name in columns] == ["51200", "250", "1000"]
    assert [rows[0][name] for name in columns] == [""] * 3
    assert _cells(markdown, 1)[9:] == ["51,200", "250", "1,000"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "can't be read as JSON"),
        ("[]", "expected an object"),
        ('{"score": 3}', "arm 'score': is 3; expected an object"),
        ('{"score": {"hours": 3}}', "'score' has 'hours'; expected only .*attempts"),
        ('{"score": {"updates": "3"}}', "updates of 'score' is '3'; expected a number"),
        (
            '{"score": {"attempts": 1, "updates": -1}}',
            "updates of 'score' is -1; expected a number",
        ),
        ('{"score": {"attempts": true}}', "attempts of 'score' is True; expected a number"),
        ('{"score": {"updates": NaN}}', "updates of 'score' is nan; expected a number"),
    ],
)
def test_malformed_budgets_are_named_and_nothing_is_written(tmp_path, text, message):
    (tmp_path / "budgets.json").write_text(text)
    path = write_attempts(tmp_path / "b", *BASE)
    with pytest.raises(SystemExit, match=f"compare: .*{message}"):
        _run(tmp_path, {"score": path}, "--budgets", tmp_path / "budgets.json")
    assert not (tmp_path / "t.csv").exists()


def test_a_change_that_rounds_to_nothing_has_no_minus_sign(tmp_path):
    path = write_attempts(tmp_path / "b", *outcomes(1500, 1, 0, 1499))
    _, _, markdown, _ = _run(tmp_path, {"copy": path})
    assert "| +0.0 [-0.2, +0.1]" in markdown


def test_other_problems_are_refused(tmp_path):
    one, two = (write_attempts(tmp_path / str(n), [1] * n, [1] * n) for n in (1, 2))
    with pytest.raises(SystemExit, match="compare: problems of 'b' are not those of 'a'"):
        _run(tmp_path, {"a": one, "b": two})


def test_names_and_rows_of_others_are_texts_in_tables_and_no_formulas(tmp_path, capsys):
    files = [write_attempts(tmp_path / name, *outcomes(5, 1, 2, 2)) for name in "ab"]
    hostile = "@cmd|' <b>\x1b[2J\n"
    rows, pairs, markdown, in_pairs = _run(tmp_path, {"base": files[0], hostile: files[1]})
    assert rows[1]["policy"] == pairs[0]["other"] == r"'@cmd|' <b>\x1b[2J\n"
    for page in (markdown, in_pairs, capsys.readouterr().out):
        assert r"@cmd\|' \<b>\x1b[2J\n" in page and "\x1b" not in page
    worse = write_attempts(tmp_path / "c", *outcomes(5, 3, 0, 2))
    rows, *_ = _run(tmp_path, {"base": worse})
    assert float(rows[0]["delta"]) == -0.3, "a negative number is no formula"


def test_attempts_behind_which_other_settings_stand_than_the_config_has_are_refused(tmp_path):
    paths = {name: write_attempts(tmp_path / name, *BASE) for name in ("base", "score")}
    for name, path in paths.items():
        frame = pd.read_parquet(path)
        mark_attempts(
            frame, sampled='{"seed": 1}', trained='{"rate": 1}' if name == "score" else None
        )
        frame.to_parquet(path, index=False)
    sampled, old, new = (digest(value) for value in ({"seed": 1}, {"rate": 1}, {"rate": 2}))
    expected = {"base": {"sampled": sampled}, "score": {"sampled": sampled, "trained": old}}
    _run(tmp_path, paths, "--made-with", json.dumps(expected))
    expected["score"]["trained"] = new
    with pytest.raises(
        SystemExit, match=rf"'score', .* were trained with other .* rm -r {tmp_path}"
    ):
        _run(tmp_path, paths, "--made-with", json.dumps(expected))
