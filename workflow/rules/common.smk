# Checked configuration, and what rules take from it. Everything a rule is told travels as sorted
# JSON, so that a rule runs again when one of its own settings changes and at no other time. Each
# has them twice: as `settings`, which Snakemake does not compare, since it is a function of the
# outputs, and as `decisive`, which it does, without the settings that change no result.

import json
from pathlib import Path

from score.jobs.failures import failures
from score.fine_tuning.settings import FINE_TUNE_KEYS
from score.jobs.follow import Follower
from score.experiment.plan import FINE_TUNED, PROMPTED, REINFORCED, Plan
from score.experiment.preflight import check_config, check_inputs
from score.jobs.slurm import check_no_orphans, use_commands_of
from score.training.settings import IDLE_SETTINGS

try:
    CONFIG = check_config(config, "workflow/schemas/config.schema.yaml")
    if workflow.is_main_process:
        check_inputs(CONFIG)
except ValueError as error:
    raise WorkflowError(str(error)) from None

if ON_CLUSTER := workflow.remote_exec or workflow.resource_settings.nodes is not None:
    use_commands_of(f"{workflow.basedir}/slurm/bin")

RESULTS = f"results/{CONFIG['run_name']}"
PLAN = Plan(CONFIG)
EVALUATIONS = PLAN.evaluations()
AT_TEMPERATURES = [name for name in EVALUATIONS if name.startswith("temperature")]
FOLLOWER = Follower(RESULTS, say=logger.info)


def one_of(names, otherwise="nothing_is_called_so"):
    """A wildcard's pattern: one of these names."""
    return "|".join(names) or otherwise


wildcard_constraints:
    policy=one_of({*PLAN.instances, *PLAN.trained}),
    evaluation=one_of(EVALUATIONS),
    arm=one_of(PLAN.arms),
    iteration=r"[1-9]\d*",


def cpus(on_cluster):
    """Threads of a job that runs a policy: Snakemake scales them down to what one machine has."""
    return on_cluster if ON_CLUSTER else CONFIG["threads_per_job"] or 1024


def settings(*sections, **values):
    """Some sections of the config and single values, as sorted JSON."""
    merged = {}
    for section in sections:
        merged.update(section)
    return json.dumps({**merged, **values}, sort_keys=True)


def decisive(told):
    """The settings that a result depends on: a rule runs again when one of these changes."""
    return settings(
        {k: v for k, v in json.loads(told).items() if k not in IDLE_SETTINGS}
    )


def common(*keys):
    return {key: CONFIG[key] for key in keys}


def policy_path(name):
    """Where the weights of an instance are: base is given, the others are trained from it."""
    if name == "base":
        return CONFIG["model_path"]
    if PLAN.objective(name) in PROMPTED:
        return policy_path(PLAN.init(name))
    if PLAN.objective(name) in FINE_TUNED and not PLAN.is_copy(name):
        return f"{RESULTS}/{name}/iteration{PLAN.iterations(name)}/policy"
    return f"{RESULTS}/{name}/policy"


def files_at(policy):
    """A policy's path as a rule's input: of base its files, which are none on the hub."""
    return local_files(policy) if policy == CONFIG["model_path"] else policy


def local_files(path):
    """A file, or the files of a folder, since a folder does not show that one has changed."""
    found = [Path(path)] if Path(path).is_file() else Path(path).rglob("*")
    return sorted(str(file) for file in found if file.is_file())


def task_files():
    """The file of a task of the user's own; those of the package are code."""
    return local_files(CONFIG["task_type"])


def prompt_files():
    """What prompts are made of besides the questions: worked examples and the task's own words."""
    folder = CONFIG["few_shot_dir"]
    task = Path(CONFIG["task_type"]).stem
    few_shot = sorted(map(str, Path(folder).glob(f"{task}_*.json"))) if folder else []
    return [*few_shot, *task_files()]


def few_shot_flag():
    folder = CONFIG["few_shot_dir"]
    return ["--few-shot-dir", folder] if folder else []


def before_jobs():
    """What must hold before the first job starts; not called by a dry run."""
    try:
        check_no_orphans(".")
    except ValueError as error:
        raise WorkflowError(str(error)) from None


def show_table(results):
    table = Path(results) / "self_correction.md"
    if table.is_file():
        print(f"\n{table}\n\n{table.read_text()}")


def show_failures(logs):
    for failure in failures(logs):
        logger.error(f"\n{failure}\n")


def data_files():
    """Local files of problems; hub names are not files."""
    places = []
    for key in ("data_path", "test_path"):
        place = CONFIG["problems"][key]
        places += place if isinstance(place, list) else [place]
    return [file for place in places if place for file in local_files(place)]


def problem_settings(verifier):
    return settings(
        CONFIG["problems"], verifier, common("task_type", "random_seed", "cache_dir")
    )


def verifier_that_drops():
    """The verifier where it decides which problems there are, and does not only refuse them."""
    return CONFIG["verifier"] if CONFIG["problems"]["on_bad_gold"] == "drop" else {}


def common_to_sampling():
    keys = ("task_type", "cache_dir", "precision", "rollout_backend")
    return common(*keys, "num_turns", "random_seed")


def sampling_settings(w):
    """The evaluation settings that attempts depend on; the intervals come later."""
    evaluation = dict(CONFIG["evaluation"])
    del evaluation["bootstrap_samples"]
    prompted = w.policy != "base" and PLAN.objective(w.policy) == "self_refine"
    prompting = {"prompting": "self_refine"} if prompted else {}
    own = EVALUATIONS[w.evaluation].settings
    return settings(common_to_sampling(), evaluation, prompting, own)


def fixed_flag(w):
    """Base's own first attempts, for an evaluation of corrections of these."""
    fixed = EVALUATIONS[w.evaluation].fixed
    return ["--first-attempts", f"{RESULTS}/base/test/sampled.parquet"] if fixed else []


def judging_settings():
    return settings(
        CONFIG["verifier"],
        common("task_type"),
        bootstrap_samples=CONFIG["evaluation"]["bootstrap_samples"],
        bootstrap_seed=CONFIG["random_seed"],
    )
