"""A policy as an ordinary folder, whose card's own code gives evaluation's greedy tokens."""

import json
import os
import re
import shutil
import stat
from pathlib import Path

import pytest
import torch
import tried_policies as policies
import yaml
from safetensors.torch import load_file
from score.export import export as exporting
from score.export.__main__ import main
from score.files.digests import file_digest
from score.files.errors import SiteError
from score.sampling.few_shot import read_few_shot
from transformers import AutoModelForCausalLM
from tried_policies import PUZZLES, exported, greedily, mark, problems_file, puzzle_policy

QUESTIONS = [
    "What is 6 times 7?",
    "Write 2/3 as a decimal.",
    "How many primes are below 20?",
    "1+1",
]


def code_of(card: str) -> str:
    return re.search(r"^(`{3,})python\n(.*?)^\1$", card, re.DOTALL | re.MULTILINE)[2]


@pytest.mark.parametrize(
    "make", ["puzzle_policy", "puzzle_adapter", "plain_policy", "stripping_policy", "dated_policy"]
)
def test_the_code_of_the_card_gives_the_tokens_of_greedy_evaluation(
    tmp_path, monkeypatch, capsys, make
):
    path = getattr(policies, make)(tmp_path / "policy")
    questions = PUZZLES if "puzzle" in make else QUESTIONS
    card = exported(path, tmp_path / "mine", questions[:1])
    monkeypatch.chdir(tmp_path)  # where the card's code finds the folder by its name
    capsys.readouterr()
    names = {}
    exec(code_of(card), names)
    printed = capsys.readouterr().out
    monkeypatch.undo()
    rows = greedily(path, questions)
    for question, row in zip(questions, rows, strict=True):
        assert names["answer_twice"](question) == (row["ids_t1"], row["ids_t2"])
    if "puzzle" in make:
        assert printed.splitlines() == [rows[0]["attempt_t1"], rows[0]["attempt_t2"]]


def test_worked_examples_of_the_run_are_asked_with_and_stand_in_the_card(tmp_path, monkeypatch):
    path = policies.plain_policy(tmp_path / "run" / "arm" / "policy", stop_strings=None)
    (tmp_path / "run" / "run.json").write_text('{"config": {"few_shot_dir": "few_shots"}}')
    code = code_of(exported(path, tmp_path / "mine", QUESTIONS[:1]))
    few_shot = read_few_shot("few_shots", "math")
    assert repr(few_shot[0]["content"])[1:40] in code
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    monkeypatch.undo()
    row = greedily(path, QUESTIONS[1:2], few_shot)[0]
    assert names["answer_twice"](QUESTIONS[1]) == (row["ids_t1"], row["ids_t2"])


def test_chat_takes_an_exported_folder_as_it_took_the_policy(tmp_path, capsys):
    from score.chat.__main__ import main as chat

    path = policies.puzzle_adapter(tmp_path / "policy", correction_prompt="again")
    exported(path, tmp_path / "mine", PUZZLES[:1])
    told = []
    for policy in (path, str(tmp_path / "mine")):
        capsys.readouterr()
        chat(["--policy", policy, "--question", PUZZLES[1], "--json"])
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]


# What a verifier turn says, and whether another attempt follows.
_VERDICTS = {
    "A slip in line 2. So, the answer is **wrong**.": True,
    "Is the answer wrong? The answer is correct.": False,
    "hm": False,
}


def _second_attempt(code: str, verdict: str) -> str:
    """The text of attempt 2 by the card's code, where the policy says these things in turn."""
    names, said = {}, iter(["first", verdict, "again"])
    exec(code, names)
    texts: list[str] = []

    def attempt(ids):
        texts.append(next(said))
        return [len(texts) - 1, 1]  # 1 ends an attempt

    names["attempt"], names["then"] = attempt, lambda ids, said, between: ids
    names["tokenizer"].decode = lambda ids, **_: texts[ids[0]]
    return texts[names["answer_twice"](PUZZLES[0])[1][0]]


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({"prompting": "self_refine"}, ["wrong?", "again"]),
        ({"prompting": "pag"}, ["right?", "again"]),
    ],
)
def test_what_is_asked_between_attempts_stands_in_the_card(tmp_path, monkeypatch, variables, asked):
    prompts = {"critique_prompt": "wrong?", "refine_prompt": "again"}
    prompts |= {"verify_prompt": "right?", "revise_prompt": "again"}
    path = puzzle_policy(tmp_path / "run" / "arm" / "policy", **prompts)
    told = json.loads(Path(path, "score_settings.json").read_text()) | variables
    Path(path, "score_settings.json").unlink()
    (tmp_path / "run" / "problems").mkdir()
    (tmp_path / "run" / "arm" / "test").mkdir()
    names = policies.SampleSettings.names()
    told = {key: value for key, value in told.items() if key in names}
    told |= {"random_seed": 0, "samples": 1, "batch_size": 1}
    (tmp_path / "run/arm/test/sample_settings.json").write_text(json.dumps(told))
    card = exported(str(tmp_path / "run" / "arm"), tmp_path / "mine", PUZZLES)
    if variables["prompting"] == "pag":
        monkeypatch.chdir(tmp_path)
        for verdict, revised in _VERDICTS.items():
            assert _second_attempt(code_of(card), verdict) == ("again" if revised else "first")
    assert [f"> {text}" for text in asked] == re.findall("^> .*", card, re.MULTILINE)


def test_ids_that_no_tokenizer_knows_are_left_out_as_in_sampling(tmp_path):
    path = puzzle_policy(tmp_path / "policy")
    policy = AutoModelForCausalLM.from_pretrained(path)
    policy.resize_token_embeddings(policy.config.vocab_size + 9)
    with torch.no_grad():
        best = policy.get_input_embeddings().weight
        best[-9:] = 4 * best[:9]
    policy.save_pretrained(path)
    exported(path, tmp_path / "mine", PUZZLES)
    told = json.loads((tmp_path / "mine" / "generation_config.json").read_text())
    assert len(told["suppress_tokens"]) == 9


def run_with_numbers(place: Path) -> Path:
    """A run whose policy `score` has two seeds, with all that a card is filled from; the policy."""
    policy = place / "score" / "seed1" / "policy"
    puzzle_policy(policy, precision="float32", learning_rate=3e-4, num_turns=2)
    shutil.copytree(policies.PUZZLE, place / "base_policy")
    (place / "base_policy" / "README.md").write_text("---\nlicense: cc-by-4.0\n---\nA base.\n")
    (place / "problems").mkdir()
    problems_file(place / "problems" / "test.jsonl", PUZZLES)
    source = {"path": "owner/puzzles:six@abc", "revision": "abc", "role": "data", "split": "train"}
    source |= {"licence": None, "sha256": "5" * 64}
    card = {"sources": [source], "splits": {"test": 3}}
    (place / "problems" / "data_card.json").write_text(json.dumps(card))
    names = ("accuracy_t1", "accuracy_t2", "delta", "incorrect_to_correct", "correct_to_incorrect")
    columns = [
        "policy",
        "num_problems",
        "seeds",
        *(n + e for n in names for e in ("", "_low", "_high")),
    ]
    rows = [[name, 3, 2, *[0.5, 0.4, 0.6] * len(names)] for name in ("score", "other", "base")]
    lines = [",".join(map(str, line)) for line in (columns, *rows)]
    (place / "self_correction.csv").write_text("\n".join(lines))
    config = {"run_name": "six", "model_path": str(place / "base_policy")}
    (place / "run.json").write_text(json.dumps({"config": config}))
    files = {"model.safetensors": file_digest(policy / "model.safetensors")}
    report = {"policies": {"score/seed1": {"files": files}}, "code": {"commit": "c0ffee"}}
    (place / "provenance.json").write_text(json.dumps(report))
    return policy


def test_the_card_is_filled_from_the_run(tmp_path):
    policy = run_with_numbers(tmp_path / "run")
    main(["--policy", str(policy.parent), "--output", str(tmp_path / "a")])
    card = (tmp_path / "a" / "README.md").read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "cc-by-4.0"
    assert head["datasets"] == ["owner/puzzles"]
    assert head["pipeline_tag"] == "text-generation"
    assert "base_model" not in head  # a folder here is no name on the hub
    assert str(tmp_path) not in card
    table = [line.split("|")[1].strip() for line in card.splitlines() if line.startswith("| ")]
    assert table[:4] == ["policy", "------", "base", "score"]
    for part in (
        *("50.0 [40.0, 60.0]", "+50.0 [+40.0, +60.0]", "means over 2 trainings", "`score/seed1`"),
        *("`c0ffee`", "5" * 64, file_digest(tmp_path / "run/problems/test.jsonl"), "0.0003"),
        *("SCoRe", "on 3 problems", "> recheck"),
    ):
        assert part in card, part
    assert "made anew" not in card
    weights = policy / "model.safetensors"
    (tmp_path / "run" / "provenance.json").write_text(
        json.dumps({"policies": {"score/seed1": {"files": {"model.safetensors": "0"}}}})
    )
    flags = ["--base-model", "owner/base", "--license", "mit", "--dtype", "bfloat16"]
    main(["--policy", str(policy.parent), "--output", str(tmp_path / "b"), *flags])
    card = (tmp_path / "b" / "README.md").read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    assert (head["license"], head["base_model"]) == ("mit", "owner/base")
    assert "made anew" in card
    assert "weights in float32, these are rounded to bfloat16" in card
    assert {t.dtype for t in load_file(tmp_path / "b" / "model.safetensors").values()} == {
        torch.bfloat16
    }
    assert {t.dtype for t in load_file(weights).values()} == {torch.float32}


def test_files_are_readable_as_the_umask_has_it(tmp_path):
    path = puzzle_policy(tmp_path / "policy")
    before = os.umask(0o027)
    try:
        exported(path, tmp_path / "mine", PUZZLES[:1])
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in (tmp_path / "mine").iterdir()}
    assert modes == {0o040}


def test_a_policy_that_answers_otherwise_afterwards_leaves_nothing(tmp_path, monkeypatch):
    path, save = puzzle_policy(tmp_path / "policy"), exporting.save

    def save_spoilt(tried, weights, temperature, draft):
        with torch.no_grad():
            tried.policy.model.norm.weight.mul_(-1)
        save(tried, weights, temperature, draft)

    monkeypatch.setattr(exporting, "save", save_spoilt)
    with pytest.raises(SiteError, match=r"answers 0 otherwise .* token 1 of attempt 1 is"):
        exported(path, tmp_path / "mine", PUZZLES)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["asked.jsonl", "policy"]


def test_a_policy_without_a_record_of_its_own_is_exported_as_its_task_is_named(tmp_path):
    shutil.copytree(policies.PUZZLE, tmp_path / "policy")
    card = exported(str(tmp_path / "policy"), tmp_path / "mine", PUZZLES[:1], "--task", "puzzle")
    assert "No table of results was at hand" in card
    assert "Nothing is recorded of its training." in card
    mark(tmp_path / "policy", "puzzle")
    assert json.loads((tmp_path / "mine" / "config.json").read_text())["vocab_size"] > 0
