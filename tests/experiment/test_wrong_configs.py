"""Configs that a person may write by mistake, kind by kind: the message holds key, value and cure."""

import copy
import datetime

import pytest
from places import DEFAULT, ROOT
from refusals import refusal, says, with_changes
from score.experiment.job_settings import JobSettings
from score.experiment.plan import Plan
from score.experiment.preflight import check_config, check_inputs
from score.experiment.task_file import check_task_file

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
ARM = {"init": "base", "objective": "stage_one"}
LONG = "x" * 300

WRONG = [
    # keys that are no text
    ({"policies": {1: ARM}}, ["policies holds the key 1", "expected a text", "in quotes"]),
    ({"policies": {None: ARM}}, ["policies holds the key None"]),
    ({"policies": {True: ARM}}, ["policies holds the key True"]),
    ({"policies": {datetime.date(2024, 1, 2): ARM}}, ["the key 2024-01-02, of type date"]),
    ({"policies.score": {**ARM, 3: 4}}, ["policies.score holds the key 3"]),
    # names of runs and policies
    ({"run_name": "a\n"}, ['run_name is "a\\n"; expected a name of letters', "Change run_name"]),
    ({"run_name": LONG}, ["run_name is", "expected at most 100 characters"]),
    ({"run_name": ".."}, ['run_name is ".."; expected a name']),
    ({"run_name": "a/b"}, ['run_name is "a/b"; expected a name']),
    ({"policies.figures": ARM}, ["policies has an entry named 'figures'", "Rename it"]),
    ({"policies.Problems": ARM}, ["an entry named 'Problems', and problems names", "Rename it"]),
    ({"policies.test": ARM}, ["an entry named 'test', and test names"]),
    (
        {"policies.temperature1": ARM, "analyses.temperatures": [1]},
        ["an entry named 'temperature1'"],
    ),
    ({"policies.Score": ARM}, ["an entry named 'Score', and another is named 'score'", "case"]),
    ({f"policies.{LONG}": ARM}, ["an entry named 'xxx", "at most 100 characters", "Rename it"]),
    ({"policies": {"a\n": ARM}}, ["an entry named 'a\\n'", "Rename it"]),
    # what YAML takes for something else
    ({"run_name": True}, ["run_name is true; expected string", "yes, no, on and off", "quotes"]),
    ({"report_to": False}, ["report_to is false", "write a text in quotes"]),
    ({"precision": False}, ["precision is false; expected one of float32", "in quotes"]),
    (
        {"run_name": 8},
        ["run_name is 8; expected string", "a number to YAML: write a text in quotes"],
    ),
    ({"random_seed": "007"}, ['random_seed is "007"; expected integer', "digits alone"]),
    # numbers that no job takes
    ({"random_seed": 2**32}, ["random_seed is 4294967296; expected 4000000000 or less"]),
    ({"random_seed": -1}, ["random_seed is -1; expected 0 or more"]),
    ({"seeds": [0, 2**32]}, ["seeds.1 is 4294967296; expected 4000000000 or less. Change seeds"]),
    ({"tuning.random_seed": 2**32}, ["tuning.random_seed is 4294967296"]),
    ({"evaluation.max_tokens": 10**30}, ["evaluation.max_tokens is 1000", "lower it"]),
    ({"training.learning_rate": float("inf")}, ["is Infinity; expected number. It must be finite"]),
    ({"training.learning_rate": "nan"}, ['training.learning_rate is "nan"; expected number']),
    ({"fine_tuning.iterations": 1000}, ["fine_tuning.iterations is 1000; expected 999 or less"]),
    # fewer problems than are sampled at once
    (
        {"problems.train_size": 8},
        [
            "problems.train_size of policies.score_stage_one is 8; expected at least 32",
            "since 256 rollouts are sampled at once (per_device_train_batch_size × grad",
            "8 of a problem (number_output_initial_generations). Raise it, or lower",
        ],
    ),
    ({"training.training_problems": 31}, ["training_problems of policies.score_stage_one is 31"]),
    ({"tuning.candidates": [{"lr_scheduler_type": "cosin"}]}, ["cosin", "expected one of linear"]),
    # what is listed twice
    (
        {"analyses.temperatures": [0.7, 0.7]},
        ["analyses.temperatures holds 0.7 twice", "Remove one"],
    ),
    ({"analyses.temperatures": [1, 1.0]}, ["analyses.temperatures holds 1.0 twice"]),
    (
        {"analyses.temperatures": [0.0]},
        ["analyses.temperatures holds 0.0, which is evaluation.temperature", "Remove it"],
    ),
    ({"analyses.scaling.policies": ["base"] * 2}, ['analyses.scaling.policies holds "base" twice']),
    ({"analyses.successive.policies": ["base"] * 2}, ["analyses.successive.policies holds"]),
    (
        {"tuning.candidates": [{"learning_rate": 1.0}, {"learning_rate": 1}]},
        ['tuning.candidates holds {"learning_rate": 1} twice'],
    ),
    ({"report_to": ["wandb"] * 2}, ['report_to holds "wandb" twice']),
    ({"problems.data_path": ["me/x"] * 2}, ['problems.data_path holds "me/x" twice']),
    # more problems than there are
    ({"analyses.train_problems": 1025}, ["analyses.train_problems is 1025; expected at most 1024"]),
    (
        {"analyses.scaling.policies": ["base"], "analyses.scaling.num_problems": 2001},
        ["analyses.scaling.num_problems is 2001; expected at most 2000", "problems.test_size"],
    ),
    (
        {"analyses.successive.policies": ["base"], "problems.test_size": 100},
        ["analyses.successive.num_problems is 500; expected at most 100"],
    ),
    (
        {"training.training_problems": 1025},
        ["training_problems of policies.score_stage_one is 1025"],
    ),
    ({"policies.score.training_problems": 9999}, ["training_problems of policies.score is 9999"]),
    # a method asked for what it can't do
    (
        {"training.corrections_per_attempt": 3},
        ["corrections_per_attempt is 3; expected a divisor of the 8 rollouts", "Change one"],
    ),
    (
        {"stage_two.corrections_per_attempt": 8},
        ["corrections_per_attempt is 8 of 8 rollouts", "at most half", "Lower it"],
    ),
    (
        {
            "policies.one": {"init": "base", "objective": "single_turn"},
            "training.corrections_per_attempt": 2,
        },
        ["corrections_per_attempt is 2 with objective single_turn", "Remove it"],
    ),
    # texts that name nothing
    ({"model_path": ""}, ['model_path is ""; expected a text that is not empty']),
    ({"model_path": "a\0b"}, ['model_path is "a\\u0000b"; expected a path in one line']),
    ({"launcher": LONG}, ["launcher is", "names have at most 255 characters"]),
    ({"cache_dir": ""}, ['cache_dir is ""; expected a text that is not empty']),
    (
        {"wandb_project_name": "a\nb"},
        ['wandb_project_name is "a\\nb"; expected a name in one line'],
    ),
    ({"verifier.evaluator_answer_marker": ""}, ["evaluator_answer_marker is", "not empty"]),
    # an overlay's policies
    ({"policies.a": {**ARM, "init": "nope"}}, ["policies.a.init is 'nope'; expected one of base"]),
    (
        {"policies.a": {**ARM, "init": "b"}, "policies.b": {**ARM, "init": "a"}},
        ["policies.a.init leads back to 'a' (a <- b <- a)", "Set one init to base"],
    ),
    ({"policies.a": None}, ["policies.a is null; expected object"]),
    ({"policies": [ARM]}, ["policies is [", "expected object"]),
]


@pytest.mark.parametrize(("changes", "parts"), WRONG, ids=[p[0][:50] for _, p in WRONG])
def test_wrong_config_is_refused(config, changes, parts):
    message = refusal(check_config, with_changes(config, changes), SCHEMA)
    says(message, parts)
    assert len(message) < 1000


@pytest.mark.parametrize(
    "changes",
    [
        {"run_name": "0-9.a_B"},
        {"random_seed": 4_000_000_000, "tuning.random_seed": 0},
        {"policies.Zero": {"init": "score_stage_one", "objective": "stage_two"}},
        {"policies.logs": {"init": "score_stage_one", "objective": "stage_two"}},
        {"analyses.temperatures": [0.7, 1.0], "report_to": ["wandb", "tensorboard"]},
        {"analyses.scaling.policies": ["base"], "analyses.scaling.num_problems": 2000},
        {"analyses.scaling.num_problems": 9999},  # asked by no policy
        {"problems.data_path": ["me/x", "me/y:main@v1"], "problems.revision": "v1"},
    ],
    ids=str,
)
def test_odd_but_right_config_passes(config, changes):
    check_config(with_changes(config, changes), SCHEMA)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"problems.train_size": None, "analyses.train_problems": 9937},
            ["analyses.train_problems is 9937; expected at most 9936", "left to train on"],
        ),
        (
            {
                "problems.test_size": None,
                "analyses.scaling.policies": ["base"],
                "analyses.scaling.num_problems": 5001,
            },
            ["analyses.scaling.num_problems is 5001; expected at most 5000, the rows to test on"],
        ),
        ({"problems.revision": "v1"}, ["problems.revision is 'v1'; expected null", "local files"]),
        (
            {"problems.test_split": "train"},
            ["problems.test_split is 'train', which problems.data_"],
        ),
        ({"problems.data_path": "a b"}, ["data path is 'a b'; expected a path that is there, or"]),
        ({"model_path": "a b"}, ["model_path is 'a b', which is not there"]),
        ({"cache_dir": "README.md"}, ["cache_dir is 'README.md', a file; expected a folder"]),
    ],
    ids=str,
)
def test_wrong_place_or_number_of_problems_is_refused(config, changes, parts):
    says(refusal(check_inputs, with_changes(config, changes)), parts)


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ("raise KeyError('gone')", ["KeyError: 'gone'"]),
        ("def f(:", ["invalid syntax"]),
        ("import sys; sys.exit(0)", ["ends the program"]),
        ("import os; os._exit(0)", ["ends the program with exit code 0"]),
        ("def f(): f()\nf()", ["RecursionError"]),
        ("x = 1", ["Add FIRST_PROMPT"]),
    ],
    ids=["raises", "no Python", "exits", "ends at once", "deep", "lacks"],
)
def test_task_file_that_can_not_be_run_is_refused(config, tmp_path, lines, parts):
    (tmp_path / "mine.py").write_text(lines)
    config["task_type"] = str(tmp_path / "mine.py")
    says(refusal(check_config, config, SCHEMA), [f"task_type is {config['task_type']!r}", *parts])


def test_task_file_that_hangs_is_refused_after_a_while(tmp_path):
    (tmp_path / "mine.py").write_text("import time\ntime.sleep(60)\n")
    message = refusal(check_task_file, str(tmp_path / "mine.py"), 1.5)
    says(message, ["not loaded after 1.5 s", "python FILE shows"])


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '[{"role": "user", "content": []}, 1]', "\ud7ff["]
)
def test_few_shot_file_that_is_nested_or_no_text_is_refused(config, tmp_path, content):
    (tmp_path / "puzzle_initial.json").write_text(content)
    config["few_shot_dir"] = str(tmp_path)
    message = refusal(check_inputs, config)
    says(message, [f"few-shot file {tmp_path / 'puzzle_initial.json'}", "few_shot_dir to null"])
    assert len(message) < 600


def test_no_policy_may_be_called_like_a_folder_that_a_run_makes(dry_run):
    """The folders beside policies, found in what the rules write, are those that the plan names."""
    config = copy.deepcopy(DEFAULT)
    config["analyses"]["temperatures"] = [1.0]
    jobs = dry_run({"analyses": {"temperatures": [1.0]}, "run_name": "puzzle"})
    made = {p.split("/")[2] for job in jobs.values() for p in job.output if p.count("/") > 2}
    plan = Plan(config)
    assert made - set(plan.arms) <= set(plan.folders())
    assert made >= {"analyses", "figures", "problems", "temperature1.0"}


def test_preparation_knows_what_is_asked_for_and_is_not_repeated_for_it(config):
    before = JobSettings(Plan(config)).problems()
    config["analyses"]["scaling"]["policies"] = ["base"]
    config["analyses"]["train_problems"] = 7
    config["policies"]["score"]["training_problems"] = 9
    after = JobSettings(Plan(config)).problems()
    assert (before.needed_train, before.needed_test) == (0, 0)
    assert (after.needed_train, after.needed_test) == (9, 500)
    assert before.rerun_on() == after.rerun_on()
