"""Runs with different base policies put together: what is counted, drawn as a whole, and refused."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from judged import outcomes, write_attempts
from scipy.stats import norm
from score.comparison.bootstrap import seed_weights
from score.comparison.pool import main

SCALING = """arm,budget,difference,difference_low,difference_high,p_greater
score,32,{},0.0,0.1,{}
"""


def run_of(folder, gained, scaling=(0.05, 1e-6)):
    """Results of a run at 100 problems; each seed of SCoRe mends as many as its number."""
    for file in ("compare_settings.json", "claims_settings.json"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text('{"bootstrap_samples": 2000}')
    (folder / "budgets.json").write_text(json.dumps({"score": {"attempts": 8, "updates": 2}}))
    (folder / "problems").mkdir()
    (folder / "problems/test.jsonl").write_text("the test problems\n")
    write_attempts(folder / "base/test/attempts.parquet", *outcomes(50, 0, 0, 50))
    for seed, number in enumerate(gained):
        path = folder / f"score/seed{seed}/test/attempts.parquet"
        write_attempts(path, *outcomes(50, 0, number, 50 - number))
    table = pd.DataFrame({"policy": ["base", "score"], "seeds": [1, len(gained)]})
    table.to_csv(folder / "self_correction.csv", index=False)
    (folder / "analyses").mkdir()
    (folder / "analyses/scaling.csv").write_text(SCALING.format(*scaling))
    return folder


@pytest.fixture
def runs(tmp_path):
    gained = {"one": (20, 30), "two": (10, 14), "three": (30, 40)}
    return [run_of(tmp_path / name, numbers) for name, numbers in gained.items()]


def pool(runs, output):
    main([*map(str, runs), "--output", str(output)])
    claims = json.loads((output / "claims.json").read_text())["claims"]
    return pd.read_csv(output / "self_correction.csv", index_col="policy"), claims


def test_an_arm_is_the_mean_of_all_runs_and_its_interval_tells_how_they_differ(runs, tmp_path):
    table, claims = pool(runs, tmp_path / "out")
    assert table["seeds"].to_dict() == {"base": 3, "score": 6}
    assert table.loc["score", "delta"] == pytest.approx((25 + 12 + 35) / 300)
    assert table.loc["score", "training_attempts"] == 8
    # by hand: runs gain 25, 12 and 35 of 100, whose mean varies by 133 / 3; problems come on top
    z = norm.isf(claims[1]["p"])
    variance = 100**2 * (0.24**2 / z**2 - 0.24**2 / 100)
    assert 133 / 3 < variance < 2 * 133 / 3
    assert [part["p"] for part in claims[7]["parts"]] == [1e-6] * 3
    assert "two/analyses/scaling.csv" in claims[7]["parts"][1]["quantity"]


def test_one_run_against_claim_8_is_enough_to_leave_it_open(runs, tmp_path):
    shutil.rmtree(runs[2])
    run_of(runs[2], (30, 40), scaling=(-0.01, 0.6))
    assert pool(runs, tmp_path / "out")[1][7]["verdict"] == "undecided"


def test_runs_are_drawn_as_wholes_and_vary_as_a_mean_of_runs_does():
    seeds = ("a/seed0", "a/seed1", "b/seed0", "b/seed1", "c/seed0", "c/seed1")
    weights = seed_weights(seeds, 20_000, seed=0)
    assert np.allclose(weights.sum(axis=1), 1)
    assert np.array_equal(weights[:, ::2], weights[:, 1::2])
    # means of the runs 1, 5, 9 have a sample variance of 16; that of their mean is 16 / 3
    resampled = weights @ np.array([0, 2, 4, 6, 8, 10])
    assert resampled.mean() == pytest.approx(5, abs=0.05)
    assert resampled.var() == pytest.approx(16 / 3, rel=0.03)
    # base, once a run, is drawn with them
    assert np.allclose(seed_weights(("a", "b", "c"), 20_000, seed=0), 2 * weights[:, ::2])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda run: (run / "budgets.json").unlink(),
            "budgets.json: no such file. Finish that run",
        ),
        (lambda run: (run / "self_correction.csv").unlink(), "No such file.*self_correction.csv"),
        (
            lambda run: (run / "problems/test.jsonl").write_text("others\n"),
            "two/problems/test.jsonl differs from .*one/problems/test.jsonl",
        ),
        (lambda run: shutil.rmtree(run / "score/seed1"), "two/score holds 1 seeds.*counts 2"),
        (
            lambda run: (run / "self_correction.csv").write_text("policy,seeds\nbase,1\n"),
            "arms or seeds of .*two are not those of .*one",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(runs, tmp_path, spoil, message):
    spoil(runs[1])
    with pytest.raises(SystemExit, match=f"pool: .*{message}"):
        main([*map(str, runs), "--output", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit, match="expected two or more folders with different names"):
        main([str(runs[0]), str(runs[0]), "--output", str(tmp_path / "out")])
