"""The workflow is clean to its own tools, and the shipped experiments reach every rule."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
import yaml
from places import ROOT
from score.experiment.plan import PROMPTED
from score.fine_tuning.settings import FINE_TUNED
from score.training.methods import METHODS
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ResourceSettings

OVERLAYS = sorted({p.stem for p in (ROOT / "configs").glob("*.yaml")} - {"config"})


OF_ATTEMPTS = {"compare_policies", "compare_with_paper", "test_claims", "analyse_changes"}
OF_ATTEMPTS |= {"analyse_lengths", "analyse_revisions", "analyse_cost"}
OF_RECORDS = {"analyse_curves", "analyse_token_budget", "analyse_cost"}
EVALUATION = {"sample_attempts", "verify_attempts", *OF_ATTEMPTS}


def _of_the_hub(path):
    """What goes over a config whose policy is a folder that is still to be made: a name on the hub."""
    policy = yaml.safe_load((ROOT / path).read_text()).get("model_path", "")
    return {"model_path": f"owner/{policy}"} if policy and "/" not in policy else {}


def _snakemake(repository, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_dry_run_with_the_default_profile_is_clean(repository):
    done = _snakemake(repository, "--dry-run", "--quiet", "rules")
    assert done.returncode == 0, done.stderr
    assert "Using workflow specific profile profiles/default" in done.stderr
    assert not re.search(r"warn|error|traceback", done.stdout + done.stderr, re.IGNORECASE)


def test_lint_finds_nothing(repository, capfd):
    with contextlib.chdir(repository), patch.dict(os.environ), SnakemakeApi() as api:
        found = api.workflow(ResourceSettings(cores=1), snakefile=Path("Snakefile")).lint()
    assert not found, capfd.readouterr().out


def test_rules_are_formatted():
    checked = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow/rules"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.slow
def test_wrong_config_reaches_the_user_as_one_message_and_no_traceback(repository):
    done = _snakemake(repository, "--dry-run", "--config", 'training={"learning_rate": "1e-5"}')
    told = done.stdout + done.stderr
    assert done.returncode == 1
    assert told.count('training.learning_rate is "1e-5"; expected number. It is text to YAML') == 1
    assert "Traceback" not in told and "preflight" not in told
    assert len(told.strip().splitlines()) <= 5


@pytest.mark.parametrize("name", OVERLAYS)
def test_shipped_overlays_dry_run_without_network_and_reach_every_rule(dry_run, name):
    path = f"configs/{name}.yaml"
    jobs = dry_run(_of_the_hub(path), configfile=path)
    trained = {"train_stage_one", "train_stage_two"}
    assert {rule for rule, *_ in jobs} >= {"prepare_problems", *trained, *EVALUATION, *OF_RECORDS}
    assert all(path.startswith(f"results/{name}/") for job in jobs.values() for path in job.output)


def test_make_real_compares_arms_of_one_base_at_equal_attempts_updates_rates_and_kl(dry_run):
    target = re.search(r"^real:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    path = re.search(r"--configfile (\S+)", target[1])[1]
    jobs = dry_run(_of_the_hub(path), configfile=path)
    arms = {"score": 2, "direct_multi_turn_rl": 2, "single_turn_rl": 1, "score_stage_one": 2}
    told = {name[0]: job for (rule, *name), job in jobs.items() if rule.startswith("train_")}
    assert told.keys() == arms.keys()
    attempts = {arm: told[arm].settings["total_episodes"] * turns for arm, turns in arms.items()}
    batches = {
        arm: told[arm].settings["per_device_train_batch_size"] * n for arm, n in arms.items()
    }
    attempts["score"] += attempts.pop("score_stage_one")
    assert len(set(attempts.values())) == 1 and len(set(batches.values())) == 1
    assert len({job.settings["learning_rate"] for job in told.values()}) == 1
    assert len({told[arm].settings["init_kl_coef"] for arm in attempts}) == 1
    warm = "results/smollm2-sums-cpu/warm/iteration1/policy"
    assert {job.flags["reference"] for job in told.values()} == {warm}


def test_pag_has_its_sources_hyper_parameters_and_is_evaluated_as_it_is_trained(dry_run):
    jobs = dry_run(configfile="configs/pag-qwen2.5-1.5b.yaml")
    told = jobs["train_pag", "pag"].settings
    batch = told["per_device_train_batch_size"] * told["gradient_accumulation_steps"]
    k = told["number_output_initial_generations"]
    assert (batch // k, k, told["learning_rate"], told["max_tokens"]) == (512, 4, 1e-6, 2048)
    assert told["init_kl_coef"] == told["corr_kl_coef"] == 0.0 and told["stage2_alpha"] == 1.0
    assert told["scale_advantages"] and told["verify_prompt"] is None
    sampled = {
        arm: jobs["sample_attempts", arm, "test"].settings.get("prompting", "correction")
        for arm in ("base", "score", "pag", "pag_prompted")
    }
    assert sampled == {
        "base": "correction",
        "score": "correction",
        "pag": "pag",
        "pag_prompted": "pag",
    }


def test_self_rewarding_correction_has_its_sources_hyper_parameters_and_one_protocol(dry_run):
    jobs = dry_run(configfile="configs/self-rewarding-qwen2.5-math-7b.yaml")
    rl = jobs["train_self_rewarding_rl", "self_rewarding_rl"]
    told, tuned = rl.settings, "results/self-rewarding-qwen2.5-math-7b/self_rewarding/iteration1"
    batch = told["per_device_train_batch_size"] * told["gradient_accumulation_steps"]
    assert (batch, told["learning_rate"], told["total_episodes"] / batch) == (1024, 1e-6, 220)
    assert told["init_kl_coef"] == told["corr_kl_coef"] == 0.001
    assert rl.flags["init"] == rl.flags["reference"] == f"{tuned}/policy"
    sampled = jobs["sample_corrections", "self_rewarding", "1"]
    assert sampled.flags["policy"] == "Qwen/Qwen2.5-Math-7B"
    counts = sampled.settings["samples"], sampled.settings["corrections"]
    assert counts == (50, 8) and sampled.settings["prompting"] == "pag"
    chosen = jobs["choose_corrections", "self_rewarding", "1"].settings
    assert (chosen["method"], chosen["pairs_per_problem"]) == ("self_rewarding", 3)
    assert jobs["fine_tune", "self_rewarding", "1"].settings["learning_rate"] == 1e-5
    for arm in ("self_rewarding", "self_rewarding_rl"):
        assert jobs["sample_attempts", arm, "test"].settings["prompting"] == "pag"


def test_comparison_on_a_small_model_has_an_arm_of_every_objective():
    """All that is trained or prompted, but for the warm start, which needs a file."""
    arms = yaml.safe_load((ROOT / "configs/comparison-smollm2.yaml").read_text())["policies"]
    stages = {"stage_one", "stage_two"}  # of config.yaml
    asked = {entry["objective"] for entry in arms.values()} | stages
    assert asked == {*METHODS, *FINE_TUNED, *PROMPTED} - {"supervised"}


def test_every_rule_that_runs_a_policy_is_launched_with_its_config(dry_run):
    jobs = dry_run(configfile="configs/comparison-smollm2.yaml")
    for (rule, *_), job in jobs.items():
        launched = "-m score.jobs.launch" in job.command
        assert launched == rule.startswith(("sample_", "train_", "fine_tune")), rule
        assert not launched or "--config configs/accelerate/cpu.yaml" in job.command


def test_training_takes_the_validation_problems_where_it_is_validated_and_only_there(dry_run):
    path = "results/puzzle/problems/validation.jsonl"
    jobs = dry_run({"stage_two": {"validation_steps": None}})
    one, two = jobs["train_stage_one", "score_stage_one"], jobs["train_stage_two", "score"]
    assert path in one.input and one.flags["validation"] == path
    assert path not in two.input and "validation" not in two.flags


def test_candidates_are_chosen_by_attempt_2_unless_attempt_1_alone_is_trained(dry_run):
    jobs = dry_run(configfile="configs/methods.yaml")
    chosen = {job[1]: told.flags for job, told in jobs.items() if job[0] == "choose_candidate"}
    assert {arm for arm, flags in chosen.items() if flags["attempt"] == "1"} == {
        "single_turn_rl",
        "grpo",
    }
    assert chosen["score"]["attempt"] == chosen["thinktwice"]["attempt"] == "2"


def test_policies_of_a_seed_correct_each_others_first_attempts_and_pass_at_k_samples_its_own(
    dry_run,
):
    asked = {"cross_refinement": {"policies": ["base", "score"]}}
    asked["pass_at_k"] = {"policies": ["score"], "samples": 4}
    jobs = dry_run({"seeds": [0, 1], "analyses": asked})
    sampled = {(job[1], job[2]) for job in jobs if job[0] == "sample_attempts" and job[2] != "test"}
    assert sampled == {
        ("base", "corrects/score/seed0"),
        ("base", "corrects/score/seed1"),
        ("score/seed0", "corrects/base"),
        ("score/seed1", "corrects/base"),
        ("score/seed0", "pass_at_k"),
        ("score/seed1", "pass_at_k"),
    }
    job = jobs["sample_attempts", "base", "corrects/score/seed1"]
    first_attempts = "results/puzzle/score/seed1/test/sampled.parquet"
    assert job.flags["first_attempts"] == first_attempts and first_attempts in job.input
    assert len(jobs["analyse_cross_refinement",].flags["crossed"].split()) == 4
    assert len(jobs["analyse_pass_at_k",].flags["attempts"].split()) == 2
