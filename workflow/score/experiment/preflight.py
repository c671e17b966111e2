"""What can be found wrong before any job starts: the config, then the files it names.

Both checks raise ValueError with the key, its value and the cure. `check_config` needs milliseconds
and runs whenever the workflow is read; `check_inputs` looks at files and the chat template.
"""

import os
import re
import sys
from functools import partial
from pathlib import Path

from score.experiment.config_errors import explain_errors, refuse_keys
from score.experiment.job_settings import JobSettings
from score.experiment.launcher import check_launcher
from score.experiment.plan import SAMPLED, Plan, sections_of
from score.experiment.plan_checks import check_budgets, check_plan
from score.experiment.problem_counts import check_rows, check_stated_sizes
from score.experiment.run_files import RunFiles
from score.experiment.task_file import check_task_file
from score.files.settings import MissingSetting
from score.files.visible import visible
from score.jobs.start_up import without
from score.policies.compiling import check_compilable_config, check_compile_settings
from score.sampling.settings import check_backend, check_tensor_parallel
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
    _check_problems(config)
    _import_tokenizers(config)
    _check_policy(config, few_shot)
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


def _check_problems(config: dict) -> None:
    """Local data are there, have the columns and suffice; hub data are checked when fetched."""
    plan, test_rows = Plan(config), None
    settings = JobSettings(plan).problems()
    wanted = {"train_size": settings.train_size or 1, "validation_size": settings.validation_size}
    if settings.has_test_source:
        place = settings.test_path or settings.data_path
        if (place, settings.test_split) == (settings.data_path, settings.data_split):
            raise ValueError(
                f"problems.test_split is {settings.test_split!r}, which problems.data_split is too; "
                "expected other problems to test on than to train on. Name another split or test_path."
            )
        test_rows = _local_rows(place, settings.test_split, settings)
        _check_sizes({"test_size": settings.test_size or 1}, test_rows, place)
    else:
        wanted["test_size"] = settings.test_size or 1  # never null without test problems
    rows = _local_rows(settings.data_path, settings.data_split, settings)
    _check_sizes(wanted, rows, settings.data_path)
    check_rows(plan, rows, test_rows)
    tested = test_rows if settings.has_test_source else rows
    if settings.revision is not None and None not in (rows, tested):
        raise ValueError(
            f"problems.revision is {settings.revision!r}; expected null, since all problems are in "
            "local files, which the data card pins by their checksums. Set it to null."
        )


def _local_rows(places: str | list, split: str | None, settings) -> int | None:
    """Number of rows, with their columns checked; None where some are on the hub."""
    from score.problems.checks import check_columns
    from score.problems.sources import looks_like_path, read_source

    count, task = 0, load_task(settings.task_type)
    places = [places] if isinstance(places, str) else places
    for place in places:
        if not (Path(place).exists() or looks_like_path(place)):
            if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?(:[^@]+)?(@.+)?", place):
                raise ValueError(
                    f"problems: data path is {place!r}; expected a path that is there, or a name on the "
                    "hub such as owner/name. Correct it."
                )
            return None
        rows, _ = read_source(place, split)
        if not rows:
            raise ValueError(
                f"problems: split {split!r} of {place!r} has no rows; expected problems. Name "
                "another file or split."
            )
        check_columns(rows, place, task, settings)
        count += len(rows)
    return count


def _check_sizes(wanted: dict[str, int], rows: int | None, place: str | list) -> None:
    if rows is not None and sum(wanted.values()) > rows:
        asked = " + ".join(f"{key} ({size})" for key, size in wanted.items())
        raise ValueError(
            f"problems: {asked} is {sum(wanted.values())}; expected at most {rows}, the rows of "
            f"{place!r}. Lower a size, or bring more problems."
        )


def _import_tokenizers(config: dict) -> None:
    """Import transformers without torch, of which tokenizers need nothing: that takes seconds less.

    Code that comes with a policy may need torch, and so does a look at what its class can do.
    """
    if (
        config["trust_remote_code"]
        or config["attn_implementation"]
        or config["compile_decoding"]
        or "transformers" in sys.modules
    ):
        return
    silent = "TRANSFORMERS_NO_ADVISORY_WARNINGS"
    said = os.environ.get(silent)
    os.environ[silent] = "1"  # or it would warn that there is no torch
    try:
        with without("torch", "scipy"):
            import transformers.models.auto.tokenization_auto  # noqa: F401
    finally:
        os.environ.pop(silent) if said is None else os.environ.update({silent: said})


def _check_policy(config: dict, few_shot: list[dict]) -> None:
    """It can run, and turn 2 continues turn 1. A hub policy out of reach now is checked by its jobs."""
    from huggingface_hub.errors import RepositoryNotFoundError

    from score.policies.attention import check_attention
    from score.policies.fitness import check_policy, check_vocabulary, config_of
    from score.sampling.bridge_text import QUESTION
    from score.sampling.chat_template import check_each_changes, check_of_use, within_deadline
    from score.sampling.history import set_history
    from score.sampling.plain_prompts import in_format, plain_prompts_of
    from score.sampling.prompt_settings import task_with
    from score.sampling.prompts import Bridge, first_messages, system_prompt_of, work_out_text
    from score.sampling.render import all_asked, render
    from score.sampling.tokenizers import check_tags_are_text, load_tokenizer, set_template

    path, prompts = config["model_path"], config["prompts"]
    trusted = {"trust_remote_code": config["trust_remote_code"]}
    try:
        rows = check_policy(path, config["cache_dir"], **trusted)
        known = config_of(path, config["cache_dir"])
        check_attention(config["attn_implementation"], config["precision"], known)
        if config["compile_decoding"]:
            check_compilable_config(known)
        if config["rollout_backend"] == "vllm":
            check_tensor_parallel(config["evaluation"]["vllm_tensor_parallel_size"], known)
    except ValueError as error:
        raise ValueError(f"model_path is {path!r}: {error}") from None
    try:
        tokenizer = load_tokenizer(path, config["cache_dir"], prompts["template_date"], **trusted)
    except Exception as error:  # tokenizers raises Exception itself, other files KeyError and more
        unknown = isinstance(error.__cause__, RepositoryNotFoundError)
        if isinstance(error, OSError) and not unknown and not Path(path).exists():
            print(f"model_path {path!r} can't be reached now; its jobs will check it.")
            return
        raise ValueError(
            f"model_path is {path!r}; expected a folder or a hub name of a policy with its "
            f"tokenizer. Correct it. Loading the tokenizer failed: {error}"
        ) from None
    task = task_with(config["task_type"], prompts)
    template = (prompts["chat_template"], prompts["chat_template_kwargs"])
    shown = f"prompts.chat_template is {template[0]!r}, model_path" if template[0] else "model_path"
    said = (tokenizer, task.CORRECTION_PROMPT, system_prompt_of(task))
    try:
        check_of_use(tokenizer.chat_template, *template)
        set_template(tokenizer, *template)
        set_history(tokenizer, prompts["history_thinking"], config["verifier"]["reasoning_tags"])
        if prompts["chat_template_kwargs"]:
            begun = first_messages(QUESTION, task, few_shot)
            asked = partial(all_asked, tokenizer, begun, task.CORRECTION_PROMPT)
            within_deadline(lambda: check_each_changes(asked, prompts["chat_template_kwargs"]))
    except ValueError as error:
        raise ValueError(f"prompts.{error}") from None
    try:
        check_vocabulary(tokenizer, rows)
        check_tags_are_text(tokenizer, config["verifier"]["reasoning_tags"])
        in_format(tokenizer, prompts)
        if plain_prompts_of(tokenizer) is None:
            first = first_messages("?", task, few_shot)
            ask = partial(render, tokenizer, first, add_generation_prompt=True)
            within_deadline(lambda: (work_out_text(*said), ask()))
        Bridge.from_tokenizer(*said)
    except ValueError as error:
        raise ValueError(f"{shown} is {path!r}: {error}") from None
    if (plain := plain_prompts_of(tokenizer)) is not None:
        try:
            plain.text(few_shot)
        except ValueError as error:
            raise ValueError(f"prompts.{error}") from None
        if tokenizer.chat_template:
            print(
                f"prompts.prompt_format is plain: the chat template of {path!r} is left unused "
                "in training and in evaluation."
            )
