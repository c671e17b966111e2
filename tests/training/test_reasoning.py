"""A reasoning block that the chat template opens is open in training and in evaluation alike."""

import json
from dataclasses import replace

import pandas as pd
import pytest
import training_runs
from sampling_runs import PROBLEMS, SETTINGS
from score.evaluation.settings import VerifySettings
from score.evaluation.verify import verify
from score.sampling.prompts import Bridge
from score.sampling.sample import sample_policy
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.tokenizers import check_tags_are_text, load_tokenizer
from score.verifiers.verifier import Verifier
from templates import opens_a_block, policy_with_template

GOLD = "1 2 3 4 make 6 : -1 =5 -2 =3 -3 =0"
RIGHT = "-1 =5 -2 =3 -3 =0"


@pytest.fixture(params=[False, True], ids=["plain", "opened"])
def policy(request, tmp_path):
    """The path of the policy, and whether its template opens a block."""
    change = opens_a_block if request.param else str
    return policy_with_template(tmp_path, change), request.param


def test_training_pays_only_for_what_follows_the_end_of_the_block(policy, tmp_path, monkeypatch):
    path, opened = policy
    monkeypatch.setattr(training_runs, "load_tokenizer", lambda _: load_tokenizer(path))
    with Verifier("puzzle") as verifier:
        trainer = training_runs.make_trainer(tmp_path / "out", verifier=verifier)
        scores = trainer.verifier([RIGHT, f"hm </think> {RIGHT}"], [GOLD, GOLD])
        assert list(map(float, scores)) == [0.0 if opened else 1.0, 1.0]
        assert trainer.verifier.counts["correct"] == (1 if opened else 2)


def test_evaluation_knows_the_block_from_the_sampled_file(policy, tmp_path):
    path, opened = policy
    settings = replace(SETTINGS, samples=1, temperature=0.0)
    rows = sample_policy(SamplingPlan(settings, path, PROBLEMS[:4], []), tmp_path / "shards")
    pd.DataFrame(rows).to_parquet(tmp_path / "sampled.parquet")
    sampled = pd.read_parquet(tmp_path / "sampled.parquet")
    sampled["attempt_t1"], sampled["answer"] = RIGHT, json.dumps(GOLD)
    sampled["attempt_t2"] = f"hm </think> {RIGHT}"
    judged = verify(sampled, VerifySettings(task_type="puzzle"))
    assert judged["correct_t1"].tolist() == [not opened] * 4
    assert judged["correct_t2"].tolist() == [True] * 4
    whole = verify(sampled, VerifySettings(task_type="puzzle", reasoning_tags=None))
    assert whole["correct_t1"].tolist() == [True] * 4


def test_opening_is_what_the_template_writes_before_an_attempt(policy):
    path, opened = policy
    bridge = Bridge.from_tokenizer(load_tokenizer(path), "recheck")
    assert bridge.opening == (" : <think> " if opened else " : ")


def test_tags_that_decoding_would_drop_are_refused():
    tokenizer = load_tokenizer(training_runs.BASE)
    check_tags_are_text(tokenizer, ["<think>", "</think>"])
    tokenizer.add_special_tokens({"extra_special_tokens": ["<think>"]})
    with pytest.raises(ValueError, match="holds <think>, which the tokenizer marks as special"):
        check_tags_are_text(tokenizer, ["<think>", "</think>"])
    check_tags_are_text(tokenizer, None)
