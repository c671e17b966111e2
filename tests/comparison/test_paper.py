"""Published rows: that they add up, and how a run stands beside them."""

import json

import pandas as pd
import pytest
from places import ROOT
from score.comparison.paper import GROUP, main, read_published
from score.evaluation.metrics import ENDS, RATES

PUBLISHED = ROOT / "data/published_rows.csv"


def _table(folder, arms):
    """A self_correction.csv of arms with (t1, t2) in fractions."""
    rows = []
    for arm, (first, second) in arms.items():
        values = first, second, second - first, max(second - first, 0), max(first - second, 0)
        rates = {f"{r}{end}": v for r, v in zip(RATES, values, strict=True) for end in ENDS}
        rows.append({"policy": arm, "num_problems": 1500, "seeds": 3, **rates})
    pd.DataFrame(rows).to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def _page(folder, arms, published=PUBLISHED, flags=(), **run):
    (folder / "run.json").write_text(
        json.dumps({"model_path": "me/tiny", "dataset": "mine", **run})
    )
    files = {
        "--csv": _table(folder, arms),
        "--published": published,
        "--run": folder / "run.json",
        "--markdown": folder / "page.md",
    }
    main([str(part) for flag in (*files.items(), flags) for part in flag])
    return (folder / "page.md").read_text()


def _cells(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_published_rows_add_up():
    table = read_published(PUBLISHED)  # refuses a delta that is not t2 - t1
    told = table.dropna(subset="i_to_c")
    assert len(told) == 17
    pd.testing.assert_series_equal(
        (told["i_to_c"] - told["c_to_i"]).round(1), told["delta"], check_names=False
    )
    assert len(table) == 42
    assert not table.duplicated(["source", "model", "dataset", "protocol", "row"]).any()
    for column in ("source", "read", "model", "dataset", "protocol", "row"):
        assert (table[column] != "").all()
    named = table[table["method"] != ""]
    assert not named.duplicated([*GROUP, "method"]).any()  # one published row a policy and group


def test_a_run_stands_beside_the_published_rows_of_its_arms_with_model_protocol_and_size(tmp_path):
    arms = {"base": (0.5, 0.48), "score": (0.5, 0.6), "own_idea": (0.1, 0.2)}
    page = _page(tmp_path, arms, temperature=0.7, samples=8)
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## base",
        "## score",
        "## Signs and orders",
    ]
    score = page.partition("## score")[2].splitlines()[4:]
    ours = ["this run: score, 3 seeds", "me/tiny", "mine", "mean of 8 at T 0.7", "", "1500", ""]
    assert _cells(score[0])[:7] == ours
    assert _cells(score[0])[8:11] == ["60.0 [60.0, 60.0]", "", "+10.0 [+10.0, +10.0]"]
    assert _cells(score[1])[1:] == [
        *("Gemini 1.5 Flash", "MATH500", "greedy", "", "500", "second hand"),
        *("60.0", "64.4", "", "+4.4", "5.8", "1.4"),
    ]
    assert _cells(score[3])[5:] == [
        *("not stated", "second hand", "23.0", "24.0", "24.0", "+1.0", "", "")
    ]
    assert "levels are not comparable" in page


def test_a_pass_at_4_says_so_and_is_ordered_among_its_own_alone(tmp_path):
    arms = {"base": (0.5, 0.5), "thinktwice": (0.5, 0.6), "grpo": (0.5, 0.7), "pag": (0.5, 0.6)}
    page = _page(tmp_path, arms)
    row = _cells(page.partition("## thinktwice")[2].splitlines()[5])
    assert row[0] == "ThinkTwice (arXiv 2604.01591)" and row[3].startswith("pass@4 of 64")
    assert "A pass@k" in page and "is no accuracy" in page
    groups = {
        tuple(c[2:4]): c[4:] for c in map(_cells, page.partition("## Signs")[2].splitlines()) if c
    }
    (aime,) = (told for (dataset, _), told in groups.items() if dataset == "AIME24")
    # published 45.3, 48.9, 60.4; here ThinkTwice is below GRPO
    assert aime == ["base, grpo, thinktwice", "2 of 3", "2 of 3"]
    assert ("MATH500", "mean of 32 at T 0.6, top-p 0.95") in groups


def test_a_published_pass_at_k_stands_beside_this_runs_own(tmp_path):
    rows = []
    for k, first in ((1, 0.5), (4, 0.8)):
        parts = {"attempt_1": first, "attempt_2": first + 0.1, "difference": 0.1}
        ends = {f"{name}{end}": value for name, value in parts.items() for end in ENDS}
        counts = {"arm": "thinktwice", "k": k, "samples": 16, "num_problems": 90, "num_seeds": 2}
        rows.append(counts | ends)
    pd.DataFrame(rows).to_csv(tmp_path / "passes.csv", index=False)
    arms, passes = {"thinktwice": (0.5, 0.6)}, ("--pass-at-k", tmp_path / "passes.csv")
    page = _page(tmp_path, arms, flags=passes, pass_at_k_temperature=0.7)
    ours = [_cells(line) for line in page.splitlines() if line.startswith("| this run")]
    assert len(ours) == 2  # greedy, and the only k that is published
    assert ours[1][0] == "this run: thinktwice, 2 seeds" and ours[1][5] == "90"
    assert ours[1][3] == "pass@4 of 16 at T 0.7"
    assert ours[1][7:11] == ["80.0 [80.0, 80.0]", "90.0 [90.0, 90.0]", "", "+10.0 [+10.0, +10.0]"]


def test_an_accuracy_that_was_not_published_counts_as_neither_sign_nor_order(tmp_path):
    page = _page(tmp_path, {"score": (0.5, 0.6)})
    told = [c for c in map(_cells, page.splitlines()) if c and c[0].startswith("Critique-RL")]
    assert told[0][4:] == ["score", "0 of 0", "0 of 0"]


def test_signs_and_orders_are_counted_within_a_source(tmp_path):
    # MATH500 of the paper: base -11.2 / 41.4, score 4.4 / 64.4, no_shaping 2.6 / 62.6
    page = _page(tmp_path, {"base": (0.5, 0.51), "score": (0.5, 0.6), "no_shaping": (0.5, 0.7)})
    gemini, *others = map(_cells, page.partition("## Signs")[2].splitlines()[4:8])
    assert gemini[1:] == [
        *("Gemini 1.5 Flash", "MATH500", "greedy", "base, score, no_shaping"),
        *("2 of 3", "2 of 3"),  # base's sign, and score below no_shaping, are not as published
    ]
    # Gemma's base changes by 0: no sign
    assert [row[5:] for row in others] == [
        ["2 of 2", "1 of 1"],
        ["1 of 1", "1 of 1"],
        ["1 of 2", "1 of 1"],
    ]


def test_a_run_without_published_arms_says_so(tmp_path):
    assert "No policy of this run has published rows" in _page(tmp_path, {"own_idea": (0.1, 0.2)})


def test_rows_that_do_not_add_up_or_lack_a_column_are_named(tmp_path):
    text = PUBLISHED.read_text()
    for change, message in (
        (("64.4,,4.4", "64.4,,4.5"), "delta of 'SCoRe', Gemini 1.5 Flash, is 4.5; .* 4.4"),
        (("protocol", "how"), r"expected also \['protocol'\]"),
    ):
        (tmp_path / "p.csv").write_text(text.replace(*change))
        with pytest.raises(SystemExit, match=f"paper: .*{message}"):
            _page(tmp_path, {"base": (0.5, 0.5)}, tmp_path / "p.csv")
        assert not (tmp_path / "page.md").exists()
