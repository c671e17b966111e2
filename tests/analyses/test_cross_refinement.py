"""The matrix of whose first attempts are corrected by whom."""

import pandas as pd
import pytest
from analysed import attempts_of
from PIL import Image
from score.analyses.cross_refinement import cross_table, main, matrices
from score.analyses.intervals import estimate, outcomes

OWN = {"base": attempts_of("1100", "1010"), "score": attempts_of("1110", "1111")}
CROSSED = {"score:base": attempts_of("1100", "1101"), "base:score": attempts_of("1110", "0110")}


def test_rows_are_sources_columns_correctors_and_the_diagonal_is_the_own_evaluation():
    table = cross_table(OWN, CROSSED)
    second, delta = (matrices(table, name)[0] for name in ("accuracy_t2", "delta"))
    assert second.loc["base", "score"] == 0.75 and second.loc["score", "base"] == 0.5
    assert delta.loc["base", "score"] == 0.25 and delta.loc["score", "base"] == -0.25
    for arm in ("base", "score"):
        cell = table[(table["first_attempts"] == arm) & (table["corrected_by"] == arm)].iloc[0]
        own = estimate([outcomes(OWN[arm])])
        assert {name: cell[name] for name in own} == pytest.approx(own, nan_ok=True)
        assert cell["difference"] == cell["difference_low"] == cell["difference_high"] == 0
    # Δ = i→c − c→i in every cell, and the gain over own corrections is paired
    parts = table["incorrect_to_correct"] - table["correct_to_incorrect"]
    assert table["delta"].tolist() == pytest.approx(parts.tolist())
    assert matrices(table, "difference")[0].loc["score", "base"] == -0.5


def test_the_diagonal_is_at_the_problems_of_the_other_cells_and_seeds_are_joined():
    few = {name: frame.iloc[:2] for name, frame in CROSSED.items()}
    crossed = {"score/seed0:base": few["score:base"], "score/seed1:base": few["score:base"]}
    crossed |= {"base:score/seed0": few["base:score"], "base:score/seed1": few["base:score"]}
    own = {"base": OWN["base"], "score/seed0": OWN["score"], "score/seed1": OWN["score"]}
    table = cross_table(own, crossed).set_index(["first_attempts", "corrected_by"])
    assert set(table["num_problems"]) == {2}
    assert table["num_seeds"].to_dict() == {
        ("base", "base"): 1,
        ("base", "score"): 2,
        ("score", "base"): 2,
        ("score", "score"): 2,
    }
    assert table.loc[("base", "base"), "accuracy_t2"] == 0.5  # of problems 1 and 2, right in 1


def test_corrections_of_other_first_attempts_are_refused_by_name(tmp_path):
    stale = CROSSED | {"score:base": attempts_of("1101", "1101")}
    with pytest.raises(ValueError, match="first attempts in 'score:base' are not those of 'base'"):
        cross_table(OWN, stale)
    with pytest.raises(ValueError, match="--crossed holds 'base:score' and --own no 'score'"):
        cross_table({"base": OWN["base"]}, CROSSED)
    paths = {}
    for kind, frames in (("own", OWN), ("crossed", CROSSED)):
        for name, frame in frames.items():
            frame.to_parquet(tmp_path / f"{kind}{name}.parquet")
            paths.setdefault(kind, []).append(f"{name}={tmp_path / f'{kind}{name}.parquet'}")
    flags = [f"--{name}={tmp_path / name}" for name in ("csv", "figure", "markdown")]
    main([*flags, "--own", *paths["own"], "--crossed", *paths["crossed"]])
    assert len(pd.read_csv(tmp_path / "csv")) == 4
    page = (tmp_path / "markdown").read_text()
    assert page.count("first attempts of ↓") == 5 and "| 75.0 [" in page
    assert Image.open(tmp_path / "figure").size[0] > 600
