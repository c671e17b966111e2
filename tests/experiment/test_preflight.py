"""Bad input is refused before any job starts: messages name key or file, value and cure."""

import json
import shutil
from pathlib import Path

import httpx
import pytest
from huggingface_hub.errors import RepositoryNotFoundError
from score.experiment.preflight import check_config, check_inputs
from score.sampling.prompts import load_tokenizer

REPOSITORY = Path(__file__).parents[1]
SCHEMA = REPOSITORY / "workflow/schemas/config.schema.yaml"
GONE = object()


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(REPOSITORY)


def _with(config, changes):
    """The config with `{"section.key": value}` set; GONE deletes the key."""
    for path, value in changes.items():
        *sections, key = path.split(".")
        place = config
        for section in sections:
            place = place[section]
        if value is GONE:
            del place[key]
        else:
            place[key] = value
    return config


def _refusal(check, *arguments) -> str:
    with pytest.raises(ValueError) as error:
        check(*arguments)
    return str(error.value)


def _says(message, parts):
    assert [part for part in parts if part not in message] == [], message


BAD_CONFIGS = [
    # unknown, misplaced and missing keys
    ({"modelpath": "x"}, ["the config has the unknown key 'modelpath' = \"x\"", "'model_path'?"]),
    (
        {"training.learning_rat": 1.0},
        ["training has the unknown key 'learning_rat' = 1.0", "rate'?"],
    ),
    ({"evaluation.zzz": 1}, ["evaluation has the unknown key 'zzz'", "Known keys: batch_size, "]),
    ({"learning_rate": 1.0}, ["'learning_rate' = 1.0. It belongs under training"]),
    ({"training.task_type": "qa"}, ["'task_type'", "It belongs at the top level"]),
    ({"policies.score.alpha": 1}, ["policies.score has the unknown key 'alpha' = 1"]),
    ({"problems.data_path": GONE}, ["problems lacks the key 'data_path'. Add it"]),
    (
        {"launcher": GONE, "training": GONE},
        ["lacks the key 'launcher'", "lacks the key 'training'"],
    ),
    (
        {"training.max_tokens": GONE},
        ["policies.score", "lacks 'max_tokens'", "Add it to one of them"],
    ),
    ({"policies.score.init": GONE}, ["policies.score lacks the key 'init'"]),
    ({"training": None}, ["training is null; expected object", "leave the line out"]),
    (
        {"problems.data_path": None},
        ["problems.data_path is null; expected a text", "leave the line"],
    ),
    # wrong types and ranges
    ({"training.learning_rate": "1e-5"}, ['learning_rate is "1e-5"; expected number', "1.0e-5"]),
    (
        {"stage_two.learning_rate": float("nan")},
        ["stage_two.learning_rate is NaN; expected number"],
    ),
    ({"stage_one.init_kl_coef": float("inf")}, ["stage_one.init_kl_coef is Infinity"]),
    ({"training.total_episodes": 1e4}, ["training.total_episodes is 10000.0; expected integer"]),
    ({"random_seed": True}, ["random_seed is true; expected integer", "Change random_seed"]),
    ({"evaluation.max_tokens": 0}, ["evaluation.max_tokens is 0; expected 1 or more"]),
    ({"training.adam_beta2": 1}, ["training.adam_beta2 is 1; expected less than 1"]),
    ({"problems.on_leakage": "ignore"}, ['is "ignore"; expected one of refuse, drop']),
    ({"problems.data_path": []}, ["problems.data_path is []; expected a text or a list"]),
    ({"run_name": "../up"}, ['run_name is "../up"; expected a text of the form']),
    ({"policies": {}}, ["policies is {}; expected at least one"]),
    ({"run_name": "x" * 500, "task_type": 3}, ["task_type is 3; expected string"]),
    # what the method excludes
    ({"training.number_output_initial_generations": 1}, ["is 1; expected 2 or more", "baseline"]),
    ({"training.top_p": 0.95}, ["training.top_p is 0.95; expected 1.0", "log-probabilities"]),
    ({"policies.score.top_k": 50}, ["policies.score.top_k is 50; expected 0", "log-probabilities"]),
    ({"training.temperature": 0}, ["training.temperature is 0; expected more than 0"]),
    ({"wandb_project_name": "me/mine"}, ['wandb_project_name is "me/mine"; expected a text of']),
    ({"wandb_api_key": "abc"}, ["wandb_api_key holds what", "environment variable WANDB_API_KEY"]),
    ({"num_turns": 1}, ["num_turns is 1; expected 2 or more"]),
    (
        {"verifier.evaluator_mode": "final"},
        ["evaluator_answer_marker is None", "puzzle", "Set the"],
    ),
    ({"evaluation.samples": 4}, ["evaluation.samples is 4 at evaluation.temperature 0", "Raise"]),
    # policies
    ({"policies.base": {"init": "base", "objective": "stage_one"}}, ["named 'base'", "Rename it"]),
    ({"policies.a/b": {"init": "base", "objective": "stage_one"}}, ["named 'a/b'", "letters"]),
    ({"policies.score.init": "stage_1"}, ["policies.score.init is 'stage_1'", "base, score_stage"]),
    (
        {"policies.score.init": "score"},
        ["score.init leads back to 'score'", "Set one init to base"],
    ),
    ({"policies.score_stage_one.init": "score"}, ["(score_stage_one <- score <- score_stage_one)"]),
    (
        {"policies.score.objective": "stage_3"},
        ['is "stage_3"; expected one of stage_one, stage_two'],
    ),
    (
        {"policies.score.reference": "other"},
        ["policies.score.reference is 'other'", "base, score_stage"],
    ),
    ({"policies.score.reference": "score"}, ["is 'score'; expected base or a policy that it is"]),
    ({"policies.score.variant": "EIF"}, ["policies.score has the key 'variant', which stage_two"]),
    (
        {"policies.refine": {"init": "base", "objective": "self_refine"}},
        ["policies.refine.objective is 'self_refine'", "CRITIQUE_PROMPT", "'puzzle' lacks"],
    ),
    (
        {"policies.pairs": {"init": "base", "objective": "pair_sft", "variant": "EIF"}},
        ["policies.pairs has the key 'variant', which pair_sft does not use"],
    ),
    (
        {"policies.star": {"init": "base", "objective": "self_taught", "stage2_alpha": 1.0}},
        ["policies.star has the key 'stage2_alpha', which self_taught does not use"],
    ),
    # seeds, tuning and budgets
    ({"seeds": [1, 0, 1]}, ["seeds is [1, 0, 1]; expected each once", "Take other seeds"]),
    (
        {"seeds": [0, 1000], "tuning.candidates": [{"learning_rate": 1.0}]},
        ["tuning.random_seed is 1000, which is also a seed", "Change it"],
    ),
    (
        {"tuning.candidates": [{"learning_rate": 1.0}], "policies.score.candidates": []},
        ["policies.score.candidates holds 0", "tuning.candidates 1", "tuned equally"],
    ),
    (
        {"tuning.candidates": [{"learning_rate": 1.0}], "problems.validation_size": 0},
        ["problems.validation_size is 0; expected problems to choose by"],
    ),
    ({"tuning.candidates": [{"max_tokens": 3}]}, ["unknown key 'max_tokens'"]),
    ({"analyses.scaling.policies": ["scor"]}, ["analyses.scaling.policies holds 'scor'", "score"]),
    (
        {"policies.direct": {"init": "base", "objective": "direct_multi_turn"}},
        ["attempts of the trained policies differ: score 128000, direct 76800", "allow_unequal"],
    ),
    (
        {"policies.star": {"init": "base", "objective": "self_taught"}},
        ["attempts of the trained policies differ: score 128000, star 49152", "Change total_ep"],
    ),
    (
        {
            "policies.star": {"init": "base", "objective": "self_taught"},
            "fine_tuning.number_output_initial_generations": 21,
        },
        ["updates of star are not known ahead: fine_tuning.updates is null or", "Change that"],
    ),
    # batches
    (
        {"training.per_device_train_batch_size": 12, "training.gradient_accumulation_steps": 1},
        ["policies.score_stage_one", "is 12; expected a multiple of", "Change one of the three"],
    ),
    (
        {"policies.score.total_episodes": 999_999},
        ["policies.score: total_episodes is 999999", "Try "],
    ),
    ({"policies.score.total_episodes": 1}, ["total_episodes is 1; expected a multiple of", "Try "]),
    # tasks
    ({"task_type": "maths"}, ["task_type is 'maths'; expected one of code, math", "Check the"]),
    ({"task_type": "my/task.py"}, ["my/task.py'; expected an existing file"]),
    (
        {"verifier.evaluator_function": "f1"},
        ["evaluator_function is 'f1'", "puzzle_acc", "'puzzle'"],
    ),
]


@pytest.mark.parametrize(
    ("changes", "parts"), BAD_CONFIGS, ids=[str(p[0])[:40] for _, p in BAD_CONFIGS]
)
def test_config_is_refused(config, changes, parts):
    _says(_refusal(check_config, _with(config, changes), SCHEMA), parts)


def test_every_mistake_is_told_at_once_and_in_order(config):
    changes = {"training.lora_rnk": 1, "cache": "x", "evaluation.samples": "two"}
    lines = _refusal(check_config, _with(config, changes), SCHEMA).splitlines()
    assert [line.split()[0] for line in lines] == ["the", "evaluation.samples", "training"]


def test_default_config_passes_and_comes_back_as_it_is(config):
    assert check_config(config, SCHEMA) is config
    check_inputs(config)


def _lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def own(config, tmp_path):
    """A config with six problems of its own: four of them to train on, one to tune, one to test."""
    rows = [{"id": str(i), "question": f"1 2 {i} make 6", "answer": "+"} for i in range(6)]
    changes = {"data_split": None, "test_split": None, "train_size": None, "test_size": 1}
    config["problems"] |= {**changes, "validation_size": 1}
    config["problems"]["data_path"] = _lines(tmp_path / "rows.jsonl", rows)
    return config


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"launcher": "configs/gpu.yaml"},
            ["launcher is 'configs/gpu.yaml'", "not there", "Correct"],
        ),
        ({"report_to": ["wandb", "wnadb"]}, ["report_to is 'wnadb'; expected none or", "Correct"]),
        ({"few_shot_dir": "no/shots"}, ["few_shot_dir is 'no/shots', which is not there"]),
        ({"model_path": "./policy"}, ["model_path is './policy', which is not there"]),
        ({"model_path": "a/b/c"}, ["model_path is 'a/b/c', which is not there", "Snakefile"]),
        ({"model_path": "~/policy"}, ["~/policy", "~ must be written out"]),
        (
            {"problems.data_path": "no.jsonl"},
            ["data path is 'no.jsonl'; expected an existing file"],
        ),
        ({"problems.test_path": "./no"}, ["data path is './no'; expected an existing file"]),
        (
            {"problems.question_col": "q"},
            ["question_col is 'q'; expected one of ['id', 'question'"],
        ),
        ({"problems.gold_col": "gold"}, ["gold_col is 'gold'; expected one of"]),
        ({"problems.gold_pattern": "("}, ["gold_pattern is '('; not a regular expression"]),
        ({"problems.gold_pattern": "x"}, ["gold_pattern is 'x'; expected one group"]),
        ({"problems.data_split": "train"}, ["split is 'train'; expected null or a slice"]),
        ({"problems.data_split": "[6:]"}, ["split '[6:]'", "has no rows", "Name another"]),
        ({"problems.test_size": None}, ["test_size is null; expected a number"]),
        ({"problems.test_size": 5}, ["train_size (1) + validation_size (1) + test_size (5) is 7"]),
        (
            {"problems.train_size": 5},
            ["train_size (5)", "is 7; expected at most 6", "Lower a size"],
        ),
        (
            {"problems.test_split": "[:2]", "problems.test_size": 3},
            ["test_size (3) is 3", "most 2"],
        ),
    ],
    ids=str,
)
def test_input_is_refused(own, changes, parts):
    _says(_refusal(check_inputs, _with(own, changes)), parts)


def test_empty_file_of_problems_is_refused_by_name(own, tmp_path):
    own["problems"]["data_path"] = [own["problems"]["data_path"], _lines(tmp_path / "no.jsonl", [])]
    _says(_refusal(check_inputs, own), ["no.jsonl' has no rows"])


def test_optional_column_may_be_missing_in_some_rows_but_not_in_all(own, tmp_path):
    rows = [json.loads(line) for line in Path(own["problems"]["data_path"]).open()]
    own["problems"]["level_col"] = "level"
    _says(_refusal(check_inputs, own), ["level_col is 'level'; expected one of"])
    rows[3]["level"] = "Level 5"
    own["problems"]["data_path"] = _lines(tmp_path / "some.jsonl", rows)
    check_inputs(own)


@pytest.mark.parametrize("content", ["{", '{"role": "user"}', '["hello", "there"]', "[1]"])
def test_few_shot_file_that_is_no_list_of_messages_is_refused_by_name(own, tmp_path, content):
    (tmp_path / "puzzle_correction.json").write_text(content)
    own["few_shot_dir"] = str(tmp_path)
    _says(_refusal(check_inputs, own), [str(tmp_path / "puzzle_correction.json")])


def test_few_shot_folder_without_a_file_of_the_task_is_refused(own, tmp_path):
    own["few_shot_dir"] = str(tmp_path)
    _says(_refusal(check_inputs, own), ["neither puzzle_initial.json nor puzzle_correction.json"])


def test_folder_without_a_tokenizer_is_refused(own, tmp_path):
    (tmp_path / "empty").mkdir()
    own["model_path"] = str(tmp_path / "empty")
    _says(_refusal(check_inputs, own), ["empty'; expected a folder or a hub name of a policy"])


def test_template_that_rewrites_history_is_refused_with_the_difference(own, tmp_path):
    policy = tmp_path / "policy"
    shutil.copytree(own["model_path"], policy)
    tokenizer = load_tokenizer(policy)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.content.split('</think>')[-1] }}<end>{% endfor %}"
    )
    (policy / "chat_template.jinja").unlink()
    tokenizer.save_pretrained(policy)
    own["model_path"] = str(policy)
    message = _refusal(check_inputs, own)
    _says(message, [f"model_path is {str(policy)!r}: the chat template", "does not only append"])
    _says(message, ["--- turn 1 as sampled", "+++ turn 1 as the template shows it", "\n-", "Use a"])


def test_hub_policy_is_refused_where_the_hub_has_none_and_left_to_its_jobs_where_out_of_reach(
    own, monkeypatch, capsys
):
    own["model_path"] = "nobody/policy"
    check_inputs(own)  # tests run offline
    assert "'nobody/policy' can't be reached now" in capsys.readouterr().out

    def no_such_policy(*_):
        response = httpx.Response(404, request=httpx.Request("GET", "https://hub"))
        raise OSError("not listed") from RepositoryNotFoundError("404", response=response)

    monkeypatch.setattr("score.sampling.prompts.load_tokenizer", no_such_policy)
    _says(
        _refusal(check_inputs, own), ["model_path is 'nobody/policy'", "Correct it", "not listed"]
    )
