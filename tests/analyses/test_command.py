"""The commands of the analyses: from files to a table and a figure that repeat."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from analysed import attempts_of
from PIL import Image
from score.analyses.changes import main as analyse_changes
from score.analyses.cost import main as analyse_cost
from score.analyses.curves import main as analyse_curves
from score.analyses.fixed import main as analyse_fixed
from score.analyses.lengths import main as analyse_lengths
from score.analyses.levels import main as analyse_levels
from score.analyses.pass_at_k import main as analyse_pass_at_k
from score.analyses.revisions import main as analyse_revisions
from score.analyses.scaling import main as analyse_scaling
from score.analyses.successive import main as analyse_successive
from score.analyses.token_budget import main as analyse_token_budget


@pytest.fixture
def files(tmp_path):
    """Paths of judged attempts, training records and budgets of two arms, one with two seeds."""
    rng = np.random.default_rng(0)
    level = [str(1 + i % 3) for i in range(12)]
    for name in ("base", "score-0", "score-1"):
        digits = ["".join(rng.choice(list("01"), 12)) for _ in range(2)]
        attempts_of(*digits, level=level).to_parquet(tmp_path / f"{name}.parquet")
        each = {"step_time": 1.0, "sampled_tokens": 5}
        rows = [{"step": i, "reward_t1": i / 9, **each} for i in range(1, 9)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    budget = {"attempts": 100, "updates": 8, "tuning_attempts": 0}
    (tmp_path / "budgets.json").write_text(json.dumps({"base": budget, "score": budget}))
    return tmp_path


def _pairs(files, ending):
    names = {"base": "base", "score/seed0": "score-0", "score/seed1": "score-1"}
    return [f"{name}={files / file}.{ending}" for name, file in names.items()]


@pytest.mark.parametrize(
    ("command", "own_flags", "rows"),
    [
        (analyse_changes, ["--train-attempts", "parquet"], 4),
        (analyse_levels, [], 6),
        (analyse_fixed, ["--fixed", "parquet"], 4),
        (analyse_successive, [], 4),
        (analyse_revisions, [], 2),
        (analyse_lengths, [], 4),
        (analyse_curves, ["--records", "jsonl"], 16),
        (analyse_token_budget, ["--records", "jsonl"], 16),
        (analyse_cost, ["--records", "jsonl", "--budgets", "budgets.json", "--json", "c.json"], 2),
        (analyse_scaling, ["--task", "puzzle", "--budgets", "2"], 2),
        (analyse_pass_at_k, ["--markdown", "page.md"], 4),
    ],
)
def test_commands_write_a_table_and_a_figure_that_repeat(files, command, own_flags, rows):
    flags = ["--csv", str(files / "t.csv"), "--figure", str(files / "f.png"), "--arms", "base"]
    if command not in (analyse_curves, analyse_token_budget):
        flags += ["--attempts", *_pairs(files, "parquet")]
    for word in own_flags:
        many = word in ("parquet", "jsonl")
        flags += _pairs(files, word) if many else [str(files / word) if "." in word else word]
    if command in (analyse_scaling, analyse_pass_at_k):  # two samples of each problem
        for path in files.glob("*.parquet"):
            pd.concat([pd.read_parquet(path)] * 2).to_parquet(path)
    command(flags)
    table, figure = (files / "t.csv").read_bytes(), (files / "f.png").read_bytes()
    read = pd.read_csv(io.BytesIO(table))
    assert len(read) == rows and set(read["arm"]) == {"base", "score"}
    pixels = np.asarray(Image.open(io.BytesIO(figure)).convert("RGB"))
    assert pixels.shape[0] > 200 and pixels.shape[1] > 600
    drawn = {"black": (0, 0, 0), "of score": (0, 0x72, 0xB2)}
    if command is not analyse_changes:  # whose bars let the grid shine through
        assert all((pixels == colour).all(axis=2).sum() > 20 for colour in drawn.values())
    assert 0.005 < (pixels < 250).any(axis=2).mean() < 0.9
    command(flags)
    assert (files / "f.png").read_bytes() == figure and (files / "t.csv").read_bytes() == table
    if command is analyse_cost:
        told = json.loads((files / "c.json").read_text())
        assert told["score"] == {
            "attempts": 100,
            "updates": 8,
            "tuning_attempts": 0,
            "tokens": 40,
            "seconds": 8,
        }


def test_without_levels_the_table_has_a_header_alone_and_the_figure_says_so(files):
    for path in files.glob("*.parquet"):
        pd.read_parquet(path).drop(columns="level").to_parquet(path)
    flags = ["--csv", str(files / "t.csv"), "--figure", str(files / "f.png")]
    analyse_levels([*flags, "--attempts", *_pairs(files, "parquet")])
    header, *rest = (files / "t.csv").read_text().splitlines()
    assert header.startswith("arm,level,num_seeds,num_problems,accuracy_t1,") and not rest
    pixels = np.asarray(Image.open(files / "f.png").convert("L"))
    assert (pixels < 250).mean() > 0.005
