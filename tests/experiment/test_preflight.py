"""Bad input is refused before any job starts: messages name key or file, value and cure."""

import datetime
import json
import subprocess
import sys

import pytest
from places import ROOT
from refusals import GONE, refusal, says, with_changes
from score.experiment.preflight import check_config, check_inputs

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"


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
    ({"run_name": "../up"}, ['run_name is "../up"; expected a name of letters, digits']),
    ({"policies": {}}, ["policies is {}; expected at least one"]),
    ({"run_name": "x" * 500, "task_type": 3}, ["task_type is 3; expected string"]),
    # what the method excludes
    ({"training.number_output_initial_generations": 1}, ["is 1; expected 2 or more", "baseline"]),
    ({"training.top_p": 0.95}, ["training.top_p is 0.95; expected 1.0", "log-probabilities"]),
    ({"policies.score.top_k": 50}, ["policies.score.top_k is 50; expected 0", "log-probabilities"]),
    ({"training.temperature": 0}, ["training.temperature is 0; expected more than 0"]),
    (
        {"prompts.first_prompt": "Solve it."},
        ["prompts.first_prompt is 'Solve it.'; expected a text that holds {question}", "belongs"],
    ),
    ({"prompts.correction_prompt": " "}, ["prompts.correction_prompt is ' '; expected a text"]),
    (
        {"prompts.template_date": datetime.date(2024, 7, 26)},
        ['prompts.template_date is "2024-07-26"; expected string or null', "write it in quotes"],
    ),
    ({"prompts.prompt_format": "base"}, ['prompts.prompt_format is "base"; expected one of chat']),
    (
        {"prompts.history_thinking": "strip", "verifier.reasoning_tags": None},
        ["prompts.history_thinking is 'strip' with verifier.reasoning_tags null", "Write them"],
    ),
    (
        {"prompts.history_thinking": "strip", "prompts.prompt_format": "plain"},
        ["prompts.history_thinking is 'strip' with prompt_format plain; expected its default"],
    ),
    ({"prompts.stop_strings": ["x"]}, ["prompts.stop_strings is ['x'] with prompt_format chat"]),
    (
        {"prompts.prompt_format": "plain", "prompts.stop_strings": [""]},
        ["prompts.stop_strings is ['']; expected at least one text, and none that is empty"],
    ),
    (
        {"prompts.prompt_format": "plain", "prompts.template_date": "2025-01-01"},
        ["prompts.template_date is '2025-01-01' with prompt_format plain", "Leave it out"],
    ),
    (
        {"prompts.template_date": "today"},
        ["prompts.template_date is 'today'; expected an ISO date"],
    ),
    (
        {"prompts.chat_template_kwargs": {"date_string": "26 Jul 2024"}},
        ["prompts.chat_template_kwargs holds 'date_string'", "is prompts.template_date"],
    ),
    (
        {"prompts.chat_template_kwargs": {"tools": []}},
        ["prompts.chat_template_kwargs.tools is []; expected string or num"],
    ),
    ({"wandb_project_name": "me/mine"}, ['wandb_project_name is "me/mine"; expected a name in']),
    ({"wandb_api_key": "abc"}, ["wandb_api_key holds what", "environment variable WANDB_API_KEY"]),
    ({"num_turns": 1}, ["num_turns is 1; expected 2 or more"]),
    (
        {"verifier.evaluator_mode": "final"},
        ["verifier.evaluator_mode is 'final', of which task 'puzzle'", "evaluator_mode: default."],
    ),
    ({"evaluation.samples": 4}, ["evaluation.samples is 4 at temperature 0", "Raise"]),
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
        {"policies.judging": {"init": "base", "objective": "pag_prompted"}},
        [
            "policies.judging.objective is 'pag_prompted'",
            "VERIFY_PROMPT and REVISE_PROMPT",
            "in words",
        ],
    ),
    (
        {"num_turns": 3, "policies.twice": {"init": "base", "objective": "thinktwice"}},
        ["policies.twice: num_turns is 3 with objective thinktwice; expected 2", "Set it to 2"],
    ),
    (
        {"policies.first": {"init": "base", "objective": "grpo", "num_turns": 3}},
        ["policies.first: num_turns is 3; expected 1 for objective grpo", "leave it out"],
    ),
    (
        {"policies.pairs": {"init": "base", "objective": "pair_sft", "num_turns": 3}},
        ["policies.pairs has the key 'num_turns', which pair_sft does not use"],
    ),
    (
        {"policies.rewarding": {"init": "base", "objective": "self_rewarding"}},
        [
            "policies.rewarding.objective is 'self_rewarding'",
            "VERIFY_PROMPT and REVISE_PROMPT",
            "in words",
        ],
    ),
    (
        {"policies.pairs": {"init": "base", "objective": "pair_sft", "variant": "EIF"}},
        ["policies.pairs has the key 'variant', which pair_sft does not use"],
    ),
    (
        {"policies.star": {"init": "base", "objective": "self_taught", "stage2_alpha": 1.0}},
        ["policies.star has the key 'stage2_alpha', which self_taught does not use"],
    ),
    (
        {"policies.warm": {"init": "base", "objective": "supervised"}},
        ["policies.warm lacks attempts_path", "Add it"],
    ),
    (
        {
            "policies.warm": {
                "init": "base",
                "objective": "supervised",
                "attempts_path": "x.csv",
                "pairs_per_problem": 3,
            }
        },
        ["policies.warm has the key 'pairs_per_problem', which supervised does not use"],
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
    (
        {
            "tuning.candidates": [
                {"learning_rate": 1.0, "stage2_alpha": 5.0},
                {"learning_rate": 2.0},
            ],
            "policies.star": {"init": "base", "objective": "self_taught"},
        },
        ["a candidate of policies.star sets 'stage2_alpha', which self_taught does not use", "own"],
    ),
    ({"analyses.scaling.policies": ["scor"]}, ["analyses.scaling.policies holds 'scor'", "score"]),
    ({"analyses.pass_at_k.policies": ["scor"]}, ["analyses.pass_at_k.policies holds 'scor'"]),
    (
        {"analyses.cross_refinement.policies": ["score"]},
        ["analyses.cross_refinement.policies is ['score']; expected two or more", "base"],
    ),
    (
        {"analyses.cross_refinement": {"policies": ["base", "score"], "num_problems": 2001}},
        ["analyses.cross_refinement.num_problems is 2001; expected at most 2000"],
    ),
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
    # validation and the choice of a checkpoint
    (
        {"problems.validation_size": 0},
        [
            "policies.score_stage_one: validation_steps is 25",
            "problems.validation_size is 0",
            "null",
        ],
    ),
    (
        {"training.select_checkpoint": "validation", "training.validation_steps": GONE},
        ["select_checkpoint is 'validation' and validation_steps is null", "Set validation_steps"],
    ),
    (
        {"stage_two.select_checkpoint": "best"},
        ['select_checkpoint is "best"; expected one of last'],
    ),
    (
        {
            "training.early_stop": 3,
            "policies.direct": {"init": "base", "objective": "direct_multi_turn"},
        },
        ["attempts of score, direct are not known ahead", "early_stop is set"],
    ),
    # what training would do wrong
    (
        {"training.lora_dropout": 0.1, "training.use_lora": True},
        ["policies.score_stage_one: lora_dropout is 0.1; expected 0 in reinf", "Set it to 0"],
    ),
    (
        {"policies.score.num_warmup_steps": 150},
        ["policies.score: num_warmup_steps is 150; expected fewer than the 150", "Lower num_"],
    ),
    (
        {"tuning.candidates": [{"num_warmup_steps": 150}]},
        ["num_warmup_steps is 150; expected fewer than the 100 updates"],
    ),
    (
        {
            "policies": {"star": {"init": "base", "objective": "self_taught"}},
            "fine_tuning.updates": 10,
        },
        ["policies.star: num_warmup_steps is 10; expected fewer than the 10 updates"],
    ),
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
    says(refusal(check_config, with_changes(config, changes), SCHEMA), parts)


def test_every_mistake_is_told_at_once_and_in_order(config):
    changes = {"training.lora_rnk": 1, "cache": "x", "evaluation.samples": "two"}
    lines = refusal(check_config, with_changes(config, changes), SCHEMA).splitlines()
    assert [line.split()[0] for line in lines] == ["the", "evaluation.samples", "training"]


def test_default_config_passes_and_comes_back_as_it_is(config):
    assert check_config(config, SCHEMA) is config
    check_inputs(config)


def test_policy_and_tokenizer_are_checked_without_torch_and_its_seconds(config):
    code = (
        "import json, sys\n"
        "from score.experiment.preflight import check_inputs\n"
        "check_inputs(json.loads(sys.argv[1]))\n"
        "assert 'transformers' in sys.modules and 'torch' not in sys.modules"
    )
    command = [sys.executable, "-c", code, json.dumps(config, default=str)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
