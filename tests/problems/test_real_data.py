"""Each task on its real data: what the small configs prepare; a second opinion on all labels."""

import json
from pathlib import Path

import pytest
import yaml
from score.problems.prepare import PrepareSettings, prepare
from score.sampling.prompts import first_messages, read_few_shot
from score.tasks import load_task, math

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
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
