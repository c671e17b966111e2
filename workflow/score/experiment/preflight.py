"""What can be found wrong before any job starts: the config, then the files it names.

Both checks raise ValueError with the key, its value and the cure. `check_config` needs milliseconds
and runs whenever the workflow is read; `check_inputs` looks at files and the chat template.
"""

import re
from pathlib import Path

from score.experiment.config_errors import explain_errors, refuse_keys
from score.experiment.job_settings import JobSettings
from score.experiment.launcher import check_launcher
from score.experiment.plan import SAMPLED, Plan, sections_of
from score.experiment.plan_checks import check_budgets, check_plan
from score.experiment.policy_check import check_policy
from score.experiment.problem_check import check_problems
from score.experiment.problem_counts import check_stated_sizes
from score.experiment.run_files import RunFiles
from score.experiment.task_file import check_task_file
from score.files.settings import MissingSetting
from score.files.visible import visible
from score.policies.compiling import check_compile_settings
from score.sampling.settings import check_backend
from score.tasks import load_task
from score.training.settings import TrainSettings
from score.training.tracking import check_trackers, trackers
from score.verifiers.verifier import Verifier


def check_config(config: dict, schema_path: str) -> dict:
    """The config itself, when it fits the schema and its values fit each other."""
    refuse_keys(config)
    errors = explain_errors(config, Path(schema_path))
    if errors:
        raise ValueError("\n".join(errors))
    backend, attention = config["rollout_backend"], config["attn_implementation"]
    check_backend(backend)
    check_compile_settings(config["compile_decoding"], backend, attention=attention)
    check_task_file(config["task_type"])
    check_plan(config)
    plan = Plan(config)
    _check_evaluations(plan)
    for name in config["policies"]:
        _check_training(name, plan)
    check_budgets(config)
    check_stated_sizes(plan)
    return config


def _check_evaluations(plan: Plan) -> None:
    """The settings by which every evaluation samples and verifies fit each other."""
    load_task(plan.config["task_type"])
    jobs, where = JobSettings(plan), "verifier"
    try:
        Verifier.from_settings(jobs.verification())
        for name, evaluation in plan.evaluations.items():
            section = name if name in SAMPLED else None
            where = f"analyses.{section}" if section else "evaluation"
            if evaluation.instances:
                jobs.sampling(evaluation.instances[0], name)
    except ValueError as error:
        raise ValueError(f"{where}.{error}") from None


def _check_training(name: str, plan: Plan) -> None:
    """The settings of a policy's jobs are whole and all of use, and its batches divide."""
    jobs = JobSettings(plan)
    for key in plan.entry(name):
        if key not in jobs.allowed_keys(name):
            raise ValueError(
                f"policies.{name} has the key {key!r}, which {plan.objective(name)} does not use; "
                "expected only keys that it uses. Remove it."
            )
    for settings in plan.candidate_settings(name) if plan.candidates_of(name) else ():
        for key in settings:
            if key not in jobs.allowed_keys(name):
                raise ValueError(
                    f"a candidate of policies.{name} sets {key!r}, which {plan.objective(name)} does "
                    "not use; expected only keys that it uses. Give this policy `candidates` of its own."
                )
    for instance in (plan.instances_of(name)[0], *plan.candidates_of(name)):
        try:
            if plan.is_reinforced(name):
                _check_validation(jobs.training(instance), plan.config["problems"])
            elif plan.is_fine_tuned(name):
                jobs.fine_tuning(instance)
                given = plan.objective(name) == "supervised"
                jobs.given(instance) if given else jobs.choice(instance)
            if plan.pool(instance):
                jobs.first_attempts(instance)
        except MissingSetting as error:
            raise ValueError(
                f"policies.{name} lacks {error.name!r}; expected it in "
                f"{' or '.join(sections_of(plan.objective(name)))} or in the policy's own entry. Add it "
                "to one of them."
            ) from None
        except ValueError as error:
            raise ValueError(f"policies.{name}: {error}") from None


def _check_validation(settings: TrainSettings, problems: dict) -> None:
    """There are problems where a training is validated."""
    if settings.validation_steps is not None and not problems["validation_size"]:
        raise ValueError(
            f"validation_steps is {settings.validation_steps} (select_checkpoint "
            f"{settings.select_checkpoint!r}) and problems.validation_size is 0; expected problems to "
            "validate on. Raise validation_size, or set validation_steps: null."
        )


def check_inputs(config: dict) -> None:
    """Files, columns, few-shot examples and the chat template that the config names."""
    from score.sampling.few_shot import read_few_shot

    check_trackers(trackers(config["report_to"], config["wandb_project_name"]))
    _check_given_attempts(config)
    for key in ("launcher", "few_shot_dir", "model_path"):
        _check_path(key, config[key])
    if (cache := config["cache_dir"]) is not None and Path(cache).is_file():
        raise ValueError(f"cache_dir is {cache!r}, a file; expected a folder. Name another place.")
    check_launcher(config)
    few_shot = read_few_shot(config["few_shot_dir"], config["task_type"])
    _warn_of_unasked_marker(config, few_shot)
    check_problems(config)
    check_policy(config, few_shot)
    _check_file_names(config)


def _check_given_attempts(config: dict) -> None:
    """The attempts that supervised policies imitate are there, and whole."""
    from score.fine_tuning.given import read_attempts

    plan = Plan(config)
    for name in plan.trained_by("supervised"):
        path = RunFiles(plan).given_attempts(name)
        try:
            read_attempts(path, JobSettings(plan).given(name).loss_on)
        except ValueError as error:
            raise ValueError(f"policies.{name}.attempts_path: {error}") from None


def _check_path(key: str, value: str | None) -> None:
    """A path is there; a model_path may be a name on the hub instead, owner/name."""
    if value is None or Path(value).exists():
        return
    if key != "model_path" or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", value):
        raise ValueError(
            f"{key} is {value!r}, which is not there; expected an existing path. Correct it: a "
            "relative path starts from the folder of the Snakefile, and ~ must be written out."
        )


def _check_file_names(config: dict) -> None:
    """Files that Snakemake is told of have names that it can print, and keep in one line."""
    files = RunFiles(Plan(config))
    model = files.as_input(config["model_path"])
    for file in [*files.problem_sources(), *files.prompts(), *model]:
        if visible(file) != file:
            raise ValueError(
                f"a file is called {visible(file)}; expected a name without characters that can't be "
                "seen, which logs would hold as they are. Rename it."
            )


def _warn_of_unasked_marker(config: dict, few_shot: list[dict]) -> None:
    """Say so where only text behind a marker counts, and nothing shows the policy that marker."""
    from score.sampling.prompt_settings import task_with
    from score.sampling.prompts import first_messages

    verifier = Verifier.from_settings(JobSettings(Plan(config)).verification())
    task = task_with(config["task_type"], config["prompts"])
    shown = [message["content"] for message in first_messages("", task, few_shot)]
    text = " ".join(" ".join([*shown, task.CORRECTION_PROMPT]).split())
    if verifier.mode == "final" and " ".join(verifier.marker.split()) not in text:
        print(
            f"WARNING: verifier.evaluator_answer_marker is {verifier.marker!r} with evaluator_mode "
            "final, and no prompt or worked example shows it: an attempt without it states nothing. "
            "Put it into prompts.first_prompt and prompts.correction_prompt, or set evaluator_mode: "
            "default."
        )
