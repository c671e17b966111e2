"""Runs with different base policies put together: what is counted, what is a unit, and refused."""

import json
import shutil

import pandas as pd
import pytest
from judged import outcomes, write_attempts
from scipy.stats import t
from score.comparison.pool import main
from score.files.made_with import mark_attempts

SCALING = """arm,budget,difference,difference_low,difference_high,p_greater
score,32,{},0.0,0.1,{}
"""


def run_of(folder, gained, scaling=(0.05, 1e-6)):
    """Results of a run at 100 problems; each seed of SCoRe mends as many as its number."""
    folder.mkdir(parents=True)
    (folder / "claims_settings.json").write_text("{}")
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


def trained_with(path, learning_rate):
    frame = pd.read_parquet(path)
    mark_attempts(frame, trained=json.dumps({"learning_rate": learning_rate}))
    frame.to_parquet(path)


def pool(runs, output):
    main([*map(str, runs), "--output", str(output)])
    claims = json.loads((output / "claims.json").read_text())["claims"]
    return pd.read_csv(output / "self_correction.csv", index_col="policy"), claims


def test_an_arm_is_the_mean_of_all_runs_and_its_interval_tells_how_they_differ(runs, tmp_path):
    table, claims = pool(runs, tmp_path / "out")
    assert table["seeds"].to_dict() == {"base": 3, "score": 6}
    assert table.loc["score", "delta"] == pytest.approx((25 + 12 + 35) / 300)
    assert table.loc["score", "training_attempts"] == 8
    # by hand: runs gain 25, 12 and 35 of 100, whose mean varies by 133 / 3, known by two degrees;
    # problems come on top
    seeds_alone = t.sf(24 / (133 / 3) ** 0.5, 2)
    assert seeds_alone < claims[1]["p"] < 1.1 * seeds_alone
    half = t.ppf(0.975, 2) * (133 / 3) ** 0.5 / 100
    assert half < table.loc["score", "delta_high"] - 0.24 < 1.1 * half
    assert [part["p"] for part in claims[7]["parts"]] == [1e-6] * 3
    assert "two/analyses/scaling.csv" in claims[7]["parts"][1]["quantity"]


def test_one_run_against_claim_8_is_enough_to_leave_it_open(runs, tmp_path):
    shutil.rmtree(runs[2])
    run_of(runs[2], (30, 40), scaling=(-0.01, 0.6))
    assert pool(runs, tmp_path / "out")[1][7]["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda run: (run / "budgets.json").unlink(),
            "budgets.json: no such file; expected a finished run. Finish it",
        ),
        (
            lambda run: (run / "self_correction.csv").unlink(),
            "correction.csv: no such file; expected",
        ),
        (
            lambda run: (run / "self_correction.csv").write_text("arm,n\nbase,1\n"),
            r"self_correction.csv lacks the columns \['policy', 'seeds'\]; expected a results table",
        ),
        (
            lambda run: (run / "self_correction.csv").write_text(""),
            "self_correction.csv can't be read as CSV: .*Make it again",
        ),
        (
            lambda run: (run / "problems/test.jsonl").write_text("others\n"),
            "two/problems/test.jsonl differs from .*one/problems/test.jsonl",
        ),
        (
            lambda run: trained_with(run / "score/seed1/test/attempts.parquet", 0.1),
            r"two/score/seed1/.* were made with other settings \(trained\); expected runs of one",
        ),
        (
            lambda run: (run / "base/test/attempts.parquet").write_text("cut off"),
            "two/base/test/attempts.parquet can't be read: .*Finish its run",
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
