"""Published rows: that they add up, and how a run stands beside them."""

import json

import pandas as pd
import pytest
from places import ROOT
from score.comparison.paper import main, read_published
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


def _page(folder, arms, published=PUBLISHED, **run):
    (folder / "run.json").write_text(
        json.dumps({"model_path": "me/tiny", "dataset": "mine", **run})
    )
    flags = {
        "--csv": _table(folder, arms),
        "--published": published,
        "--run": folder / "run.json",
        "--markdown": folder / "page.md",
    }
    main([str(part) for flag in flags.items() for part in flag])
    return (folder / "page.md").read_text()


def _cells(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_published_rows_add_up():
    table = read_published(PUBLISHED)  # refuses a delta that is not t2 - t1
    told = table.dropna(subset="i_to_c")
    assert len(told) == 11
    pd.testing.assert_series_equal(
        (told["i_to_c"] - told["c_to_i"]).round(1), told["delta"], check_names=False
    )
    assert len(table) == 25 and not table.duplicated(["model", "dataset", "row"]).any()
    for column in ("source", "model", "dataset", "protocol", "row"):
        assert (table[column] != "").all()


def test_a_run_stands_beside_the_published_rows_of_its_arms_with_model_protocol_and_size(tmp_path):
    arms = {"base": (0.5, 0.48), "score": (0.5, 0.6), "own_idea": (0.1, 0.2)}
    page = _page(tmp_path, arms, temperature=0.7, samples=8)
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## base",
        "## score",
        "## Signs and orders",
    ]
    score = page.partition("## score")[2].splitlines()[4:]
    assert _cells(score[0])[:5] == [
        "this run: score, 3 seeds",
        "me/tiny",
        "mine",
        "mean of 8 at T 0.7",
        "1500",
    ]
    assert _cells(score[0])[6:9] == ["60.0 [60.0, 60.0]", "", "+10.0 [+10.0, +10.0]"]
    assert _cells(score[1])[1:] == [
        *("Gemini 1.5 Flash", "MATH500", "greedy", "500"),
        *("60.0", "64.4", "", "+4.4", "5.8", "1.4"),
    ]
    assert _cells(score[3])[4:] == ["not stated", "23.0", "24.0", "24.0", "+1.0", "", ""]
    assert "levels are not comparable" in page


def test_signs_and_orders_are_counted_within_a_source(tmp_path):
    # MATH500 of the paper: base -11.2 / 41.4, score 4.4 / 64.4, no_shaping 2.6 / 62.6
    page = _page(tmp_path, {"base": (0.5, 0.51), "score": (0.5, 0.6), "no_shaping": (0.5, 0.7)})
    gemini, *others = map(_cells, page.partition("## Signs")[2].splitlines()[4:8])
    assert gemini[1:] == [
        *("Gemini 1.5 Flash", "MATH500", "base, score, no_shaping"),
        *("2 of 3", "2 of 3"),  # base's sign, and score below no_shaping, are not as published
    ]
    # Gemma's base changes by 0: no sign
    assert [row[4:] for row in others] == [
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
