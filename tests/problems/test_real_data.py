"""Each task on its real data: what the small configs prepare; a second opinion on all labels."""

import json
import time

import pytest
import yaml
from places import DATA, ROOT
from score.problems.checks import Offences, candidates
from score.problems.prepare import PrepareSettings, prepare
from score.problems.problem import canonical_question
from score.problems.sources import read_source
from score.sampling.few_shot import read_few_shot
from score.sampling.prompts import first_messages
from score.tasks import load_task, math

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not found: {DATA}")

# The hub names of each config as the copies on this disk: config -> keys of `problems`.
COPIES = {
    "smollm2-gsm8k": {"data_path": "gsm8k"},
    "smollm2-math": {
        "data_path": ["math/part_a.jsonl", "math/part_b.jsonl"],
        "data_split": "[:]",
        "test_path": "math500",
    },
    "smollm2-nq": {"data_path": "nq_open", "data_split": "dev"},
    "smollm2-mbpp": {
        "data_path": "mbpp/mbpp.jsonl",
        "data_split": "[600:640]",
        "test_path": "humaneval/HumanEval.jsonl.gz",
        "test_split": "[:8]",
    },
}


def _config(name: str) -> dict:
    default, own = (
        yaml.safe_load((ROOT / f"configs/{stem}.yaml").read_text()) for stem in ("config", name)
    )
    return {
        key: value | own.get(key, {}) if isinstance(value, dict) else own.get(key, value)
        for key, value in default.items()
    }


def _on_this_disk(place):
    return [str(DATA / part) for part in place] if isinstance(place, list) else str(DATA / place)


@pytest.mark.parametrize("name", COPIES)
def test_the_small_config_of_a_task_prepares_real_problems(name):
    config = _config(name)
    problems = dict(config["problems"])
    for key, value in COPIES[name].items():
        problems[key] = _on_this_disk(value) if key.endswith("path") else value
    common = {key: config[key] for key in ("task_type", "random_seed")}
    splits, card = prepare(PrepareSettings(**problems, **config["verifier"], **common))
    sizes = {split: problems[f"{split}_size"] for split in ("train", "validation", "test")}
    assert card["splits"] == sizes and sizes["train"] <= 64
    assert not {p.id for p in splits["train"]} & {p.id for p in splits["test"]}
    task = load_task(config["task_type"])
    few_shot = (
        []
        if config["few_shot_dir"] is None
        else read_few_shot(str(ROOT / "few_shots"), config["task_type"])
    )
    for problem in splits["train"]:
        messages = first_messages(problem.question, task, few_shot)
        assert problem.question in messages[-1]["content"]


def test_the_second_opinion_meets_the_labels_that_the_verifier_meets():
    """11 GSM8K solutions state no answer; one label of the long ones is wrong (test_verifiers)."""
    asked = wrong = 0
    for line in (DATA / "labelled/gsm8k_model_solutions.jsonl").open():
        row = json.loads(line)
        gold = row["ground_truth"].rpartition("A: ")[2].strip()
        for solution in (one for one in row.values() if isinstance(one, dict)):
            stated = math.extract(solution["solution"], "final", "A:")
            if stated is not None:
                asked += 1
                wrong += math.second_opinion(stated, gold) != solution["is_correct"]
    assert (asked, wrong) == (5_265, 0)
    for line in (DATA / "labelled/qwen_math_cot_100.jsonl").open():
        row = json.loads(line)
        for text, label in zip(row["code"], row["score"], strict=True):
            stated = math.extract(text, "default", math.MARKER)
            asked += stated is not None
            wrong += stated is not None and math.second_opinion(stated, row["gt"]) != label
    assert (asked, wrong) == (6_065, 1)


DROP = {"on_bad_gold": "drop", "on_duplicate": "drop", "on_leakage": "drop"}


def test_math_gives_12000_and_500_less_the_rows_named_in_the_card():
    settings = PrepareSettings(
        task_type="math",
        data_path=[str(DATA / "math/part_a.jsonl"), str(DATA / "math/part_b.jsonl")],
        test_path=str(DATA / "math500"),
        test_split="test",
        id_col="unique_id",
        question_col="problem",
        gold_col="answer",
        level_col="level",
        validation_size=200,
        random_seed=0,
        **DROP,
    )
    started = time.monotonic()
    splits, card = prepare(settings)
    assert time.monotonic() - started < 60
    assert [source["rows"] for source in card["sources"]] == [7500, 5000, 500]
    assert len(card["dropped"]["leakage"]) == 500 and len(splits["test"]) == 500
    assert {row["id"] for row in card["dropped"]["leakage"]} == {p.id for p in splits["test"]}
    assert sorted(row["id"] for row in card["dropped"]["bad_gold"]) == [
        "test/number_theory/7115.json",
        "test/number_theory/7117.json",
    ]
    # one pair is equal up to a line end, the other up to a double space
    duplicates = {row["id"]: row["reason"] for row in card["dropped"]["duplicate"]}
    assert duplicates == {
        "test/algebra/2463.json": "asks what test/algebra/24377.json asks, with the same gold",
        "test/precalculus/24307.json": "asks what test/geometry/6032.json asks, with the same gold",
    }
    assert len(splits["train"]) + len(splits["validation"]) == 12_000 - 2 - 2
    keys = [canonical_question(p.question) for split in splits.values() for p in split]
    assert len(set(keys)) == len(keys)
    assert {p.level for p in splits["train"]} == {"1", "2", "3", "4", "5", "?"}


def test_gsm8k_and_natural_questions_are_whole_less_the_golds_named():
    columns = {"question_col": "question", "gold_col": "answer", "random_seed": 0}
    splits, card = prepare(
        PrepareSettings(
            task_type="math",
            data_path=str(DATA / "gsm8k"),
            data_split="train",
            test_split="test",
            gold_pattern=r"####\s*(.+)",
            validation_size=73,
            **columns,
        )
    )
    assert card["splits"] == {"train": 7_400, "validation": 73, "test": 1_319}
    assert splits["test"][0].id.startswith("test-")
    nq = {
        "task_type": "qa",
        "data_path": str(DATA / "nq_open/dev.jsonl"),
        "validation_size": 0,
        "test_size": 500,
        **columns,
    }
    with pytest.raises(ValueError, match=r"bad_gold: 3 rows(.|\n)*row-291: .*'---'"):
        prepare(PrepareSettings(**nq))
    _, card = prepare(PrepareSettings(**nq, on_bad_gold="drop"))
    assert card["rows_read"] == 3_610 and card["splits"]["train"] == 3_107
    assert card["sources"][0]["licence"] == "CC BY-SA 3.0 (Natural Questions open)"


def test_every_mbpp_and_humaneval_row_is_a_problem_and_a_few_pass_their_own_tests():
    code = {"task_type": "code", "id_col": "task_id", "random_seed": 0, "validation_size": 1}
    mbpp, humaneval = DATA / "mbpp/mbpp.jsonl", DATA / "humaneval/HumanEval.jsonl.gz"
    settings = PrepareSettings(data_path=str(mbpp), test_size=1, **code)
    offences = Offences()
    for path, count in ((mbpp, 974), (DATA / "mbpp/sanitized-mbpp.json", 427), (humaneval, 164)):
        rows, _ = read_source(str(path))
        found = candidates(rows, "row", load_task("code"), settings, offences)
        assert len(found) == len(rows) == count
    splits, card = prepare(  # MBPP's own training rows are 601 to 974
        PrepareSettings(
            data_path=str(mbpp),
            data_split="[600:603]",
            test_path=str(humaneval),
            test_split="[:2]",
            **code,
        )
    )
    ids = {p.id for p in splits["train"] + splits["validation"]}
    assert ids == {"601", "602", "603"}
    assert {p.id for p in splits["test"]} == {"HumanEval/0", "HumanEval/1"}
    assert [source["licence"][:4] for source in card["sources"]] == ["CC B", "MIT "]
