"""First attempts of another policy are continued as they are, and refused where they can't be."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest
from sampling_runs import PROBLEMS, SETTINGS, sample, stored
from score.sampling.sampling_plan import SamplingPlan
from training_runs import BASE

FEW = PROBLEMS[:12]
GREEDY = replace(SETTINGS, temperature=0, samples=1)
SHORT = replace(SETTINGS, max_tokens=4)
FIRST = ("attempt_t1", "tokens_t1", "truncated_t1", "ids_t1", "prompt_ids")


@pytest.mark.parametrize("settings", [SETTINGS, GREEDY, SHORT], ids=["T=1", "greedy", "cut off"])
def test_attempts_of_the_same_policy_are_continued_as_its_own(settings, tmp_path):
    settings = replace(settings, num_turns=3)
    own = sample(settings, FEW, tmp_path / "own")
    path = stored(own, tmp_path / "sampled.parquet")
    (tmp_path / "again").mkdir()
    assert sample(settings, FEW, tmp_path / "again", path) == own


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Rows of three first attempts, two corrections each, cut off at four tokens; and their file."""
    folder = tmp_path_factory.mktemp("given")
    rows = sample(replace(SHORT, samples=3, corrections=2), FEW, folder)
    return rows, stored(rows, folder / "sampled.parquet")


def test_first_attempts_are_carried_unchanged_and_what_follows_is_the_policys_own(given, tmp_path):
    rows, path = given
    settings = replace(SETTINGS, random_seed=9, corrections=2, batch_size=5)
    made = sample(settings, FEW[3:8], tmp_path, path)
    assert len(made) == 5 * 2 * 2
    firsts = {(row["problem_id"], row["sample"]): row for row in rows if row["correction"] == 0}
    for row in made:
        first = firsts[row["problem_id"], row["sample"]]
        assert [row[name] for name in FIRST] == [first[name] for name in FIRST]
        assert row["truncated_t1"] and row["tokens_t1"] == 4 and not row["truncated_t2"]
    assert len({row["attempt_t2"] for row in made}) > 10
    shards = [p for p in (tmp_path / "shards").glob("*.json") if p.name != "made_with.json"]
    min(shards).unlink()
    assert sample(settings, FEW[3:8], tmp_path, path) == made


def test_conversation_may_be_as_long_as_a_given_attempt_makes_it(given, tmp_path):
    long = stored(sample(SETTINGS, FEW, tmp_path), tmp_path / "long.parquet")
    assert SamplingPlan(SHORT, BASE, FEW, [], long).length() == 9 + 7 + 3 + 4


def test_nothing_is_left_to_sample_in_one_turn(given):
    with pytest.raises(ValueError, match="num_turns is 1 and first attempts are given"):
        SamplingPlan(replace(SETTINGS, num_turns=1), BASE, FEW, [], given[1])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f[f["sample"] < 1], r"1 of 2 first attempts at problem .* 11 others"),
        (
            lambda f: f[f["problem_id"] != FEW[4].id],
            f"0 of 2 first attempts at problem {FEW[4].id}",
        ),
        (lambda f: f.head(0), "0 of 2 first attempts"),
        (lambda f: pd.concat([f, f]), f"problem {FEW[0].id}, sample 0: is there twice"),
        (
            lambda f: f.drop(columns=["ids_t1", "correction"]),
            r"expected also .'correction', 'ids_t1'",
        ),
        (lambda f: f.assign(ids_t1=None), "ids_t1 is 'None'; expected a list"),
        (lambda f: f.assign(ids_t1="3 4"), "ids_t1 is '3 4'; expected a list"),
        (lambda f: f.assign(ids_t1=[[1.5]] * len(f)), "expected a list of token ids"),
        (lambda f: f.assign(ids_t1=[[3, 10**6]] * len(f)), "holds 1000000; expected ids from 0"),
        (lambda f: f.assign(ids_t1=[[-1, 3]] * len(f)), "holds -1; expected ids from 0"),
        (
            lambda f: f.assign(prompt_ids=[[3, 4]] * len(f)),
            r"other token ids .*\(2 and 9 of them\)",
        ),
        (lambda f: f.assign(truncated_t1=None), "truncated_t1 is None; expected true or false"),
    ],
)
def test_file_that_does_not_fit_is_refused_before_the_policy_is_loaded(
    given, tmp_path, spoil, message
):
    path = tmp_path / "spoiled.parquet"
    spoil(pd.read_parquet(given[1])).to_parquet(path, index=False)
    with pytest.raises(ValueError, match=message):
        SamplingPlan(SETTINGS, BASE, FEW, [], path)


def test_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected an existing file"):
        SamplingPlan(SETTINGS, BASE, FEW, [], tmp_path / "missing.parquet")
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(ValueError, match="can't be read as parquet"):
        SamplingPlan(SETTINGS, BASE, FEW, [], tmp_path / "text.parquet")


def test_other_few_shots_are_other_prompts(given):
    example = [{"role": "user", "content": "1 2 3 4 5 6 make 6"}]
    example += [{"role": "assistant", "content": "-1 =5 -2 =3 -3 =0"}]
    with pytest.raises(ValueError, match="same tokenizer, few-shots and task prompts"):
        SamplingPlan(SETTINGS, BASE, FEW, example, given[1])


def test_attempts_of_a_policy_in_another_folder_with_the_same_tokenizer_fit(given, tmp_path):
    copied = shutil.copytree(BASE, tmp_path / "policy")
    assert len(SamplingPlan(SETTINGS, str(copied), FEW, [], given[1]).given) == 24
