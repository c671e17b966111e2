"""What an overlay states wins over every default, in the processes that Snakemake starts as well."""

import copy
import json
import os
import re
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from unittest.mock import patch

import pytest
import yaml
from findings import amiss
from places import DEFAULT, ROOT
from score.doctor.config import check_config_file
from score.experiment.overlay import resolved
from score.experiment.plan import Plan
from snakemake.api import SnakemakeApi
from snakemake.cli import parse_args, parse_config
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings
from snakemake.utils import update_config
from snakemake_interface_executor_plugins.settings import CommonSettings

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
OBJECTIVES = (
    "stage_one",
    "stage_two",
    "single_turn",
    "direct_multi_turn",
    "self_taught",
    "pair_sft",
)
ARMS = {"policies": {f"arm_{name}": {"init": "base", "objective": name} for name in OBJECTIVES}}


def _settings(overlay: dict) -> dict[str, dict]:
    """The settings of a training with each objective, by objective."""
    config, overlay = copy.deepcopy(DEFAULT), {**overlay, **ARMS}
    update_config(config, copy.deepcopy(overlay))
    once = resolved(config, overlay)
    assert resolved(once, overlay) == once
    plan = Plan(once)
    return {name: plan.settings(f"arm_{name}") for name in OBJECTIVES}


@pytest.mark.parametrize("name", SCHEMA["properties"]["training"]["properties"])
def test_what_an_overlay_states_for_training_holds_in_every_objective(name):
    told = _settings({"training": {name: "stated"}})
    assert {objective: settings[name] for objective, settings in told.items()} == dict.fromkeys(
        OBJECTIVES, "stated"
    )


def test_the_narrower_of_two_sections_of_an_overlay_wins():
    shared = {"learning_rate": 1.0, "total_episodes": 11}
    told = _settings(
        {
            "training": shared,
            "stage_two": {"learning_rate": 2.0},
            "single_turn": {"learning_rate": 3.0},
            "fine_tuning": {"learning_rate": 4.0},
        }
    )
    rates = {objective: settings["learning_rate"] for objective, settings in told.items()}
    assert rates == {
        "stage_one": 1.0,
        "stage_two": 2.0,
        "single_turn": 3.0,
        "direct_multi_turn": 2.0,
        "self_taught": 4.0,
        "pair_sft": 4.0,
    }
    assert {settings["total_episodes"] for settings in told.values()} == {11}


def test_without_a_word_on_a_setting_the_sections_of_the_default_hold():
    told = _settings({"training": {"max_tokens": 9}})
    assert told["stage_one"]["learning_rate"] == DEFAULT["training"]["learning_rate"]
    assert told["single_turn"]["learning_rate"] == DEFAULT["stage_two"]["learning_rate"]
    assert told["pair_sft"]["learning_rate"] == DEFAULT["fine_tuning"]["learning_rate"]


@pytest.fixture
def overlay(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "training: {learning_rate: 1.5e-4, total_episodes: 51200}\n"
        "stage_one: {total_episodes: 5120}\n"
    )
    return str(path)


@pytest.mark.slow
def test_snakemake_takes_it_from_a_configfile_and_the_command_line(repository, overlay):
    command = ["--dry-run", "--printshellcmds", "--configfile", overlay]
    command += ["--config", "run_name=mine"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *command],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    written = re.findall(r"printf '%s\\n' '(\{[^']*\})'", done.stdout + done.stderr)
    told = [json.loads(text) for text in written]
    trained = {one["objective"]: one for one in told if "objective" in one}
    assert {one["learning_rate"] for one in trained.values()} == {1.5e-4}
    assert {one["run_name"] for one in trained.values()} == {"mine"}
    assert trained["stage_one"]["total_episodes"] == 5120
    assert trained["stage_two"]["total_episodes"] == 51200


def test_jobs_that_snakemake_starts_know_the_same_overlay(repository, overlay):
    settings = ConfigSettings(config={"run_name": "mine"}, configfiles=[Path(overlay)])
    quiet = OutputSettings(quiet={Quietness.ALL})
    with chdir(repository), patch.dict(os.environ), SnakemakeApi(quiet) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=settings,
            snakefile=Path("Snakefile"),
        )
        workflow.dag().execute_workflow(executor="dryrun")
        factory = workflow._workflow.spawned_job_args_factory
        arguments = factory.general_args(
            CommonSettings(
                non_local_exec=True, implies_no_shared_fs=False, job_deploy_sources=False
            )
        )
    command = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {arguments}"], capture_output=True, text=True, check=True
    )
    _, child = parse_args([*command.stdout.split("\0")[:-1], "--cores", "1"])
    its = ConfigSettings(config=parse_config(child.config), configfiles=child.configfile)
    assert its.overwrite_config == settings.overwrite_config


def test_the_doctor_checks_what_snakemake_would_run(overlay):
    assert amiss(check_config_file(overlay)) == []
    Path(overlay).write_text(
        "training: {total_episodes: 1000}\nstage_one: {total_episodes: 5120}\n"
    )
    (finding,) = amiss(check_config_file(overlay))
    assert "policies.score: total_episodes is 1000" in str(finding)
