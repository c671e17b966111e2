# The checked configuration, and what all rules take from it. A rule's settings travel as sorted JSON.
# Params have them twice: `settings`, which Snakemake does not compare, since it is a function of the
# outputs, and `rerun_on`, which it compares, without the settings that change no result.

import json
import os
from pathlib import Path

from score.experiment.overlay import resolved
from score.experiment.plan import Plan
from score.experiment.preflight import check_config, check_inputs
from score.experiment.run_files import RunFiles, flag, in_flag, in_pairs
from score.files.digests import contents_digest, is_digested_whole
from score.files.visible import visible_lines
from score.jobs.failures import failures_soon, no_room
from score.jobs.follow import Follower
from score.jobs.hub import use_cache_where_out_of_reach
from score.jobs.lifeline import ending_with_me
from score.jobs.listing import list_jobs
from score.jobs.slurm import check_no_orphans, use_commands_of
from score.jobs.writer_lock import check_no_writer

# Snakemake hands --configfile and --config on to the jobs that it starts, so they know the overlay too.
OVERLAY = workflow.config_settings.overwrite_config

try:
    CONFIG = check_config(
        resolved(config, OVERLAY), "workflow/schemas/config.schema.yaml"
    )
    PLAN = Plan(CONFIG)
    FILES = RunFiles(PLAN)
    if workflow.is_main_process or workflow.remote_exec:
        use_cache_where_out_of_reach(FILES.hub_names())
    if workflow.is_main_process:
        check_inputs(CONFIG)
except ValueError as error:
    raise WorkflowError(visible_lines(str(error))) from None

if ON_CLUSTER := workflow.remote_exec or workflow.resource_settings.nodes is not None:
    use_commands_of(f"{workflow.basedir}/slurm/bin")

if not workflow.remote_exec:  # a Slurm job goes on where Snakemake has ended
    os.environ.update(ending_with_me())
# Or bash would become the last command, and nobody would say in the log that a signal has ended that.
shell.suffix("\n:")

JOBS = FILES.jobs
RESULTS = FILES.results
EVALUATIONS = PLAN.evaluations
SAMPLING_GPUS = JOBS.gpus_of_sampling()  # that one process samples with
AT_TEMPERATURES = [name for name in EVALUATIONS if name.startswith("temperature")]
FOLLOWER = Follower(RESULTS, say=logger.info)
# CPUs of a job that runs a policy: Snakemake scales them down to what one machine has. On a cluster
# the profile says how many; these are for a profile that does not.
POLICY_THREADS = 8 if ON_CLUSTER else CONFIG["threads_per_job"] or 1024


def one_of(names, otherwise="nothing_is_called_so"):
    """A wildcard's pattern: one of these names."""
    return "|".join(names) or otherwise


def given(files):
    """Files that a person gives, as a rule's input. Their dates say nothing, as of a fresh clone, where their
    `contents` are among the rule's params and whole. A folder that another rule makes stays as it is.
    """
    if isinstance(files, str):
        return files
    return [ancient(file) if is_digested_whole(file) else file for file in files]


def contents(*inputs):
    """What the given files hold, as a param: a rule runs again when that changes."""
    files = {file for some in inputs if not isinstance(some, str) for file in some}
    return contents_digest(sorted(files))


wildcard_constraints:
    policy=one_of({*PLAN.instances, *PLAN.trained}),
    evaluation=one_of(EVALUATIONS),
    arm=one_of(PLAN.arms),
    iteration=r"[1-9]\d*",


def trained_with(name, instance):
    """The flag by which a command checks that a policy was trained as the config says; none for base."""
    made = PLAN.weights_of(instance)
    tuned = in_flag(FILES.tuned_flag(made)) if made else []
    return [name, JOBS.trained_with(made), *tuned] if made else []


def before_jobs():
    """What must hold before the first job starts, and Snakemake deletes what that is to make anew; not
    called by a dry run. Then what the jobs are is written down, for score.status."""
    try:
        check_no_orphans(".")
        check_no_writer(RESULTS)
        if workflow.is_main_process:
            list_jobs(RESULTS, workflow.dag)
            lift_default_rate_limit()
    except (ValueError, RuntimeError) as error:
        raise WorkflowError(visible_lines(str(error))) from None


def lift_default_rate_limit():
    """Without its limit on starts Snakemake looks for the next job when one ends, and at no other time.

    With a limit every look sets a timer for another one, and every job that ends begins a look, so that
    after 200 jobs it looks 200 times a second (Snakemake 9.27). A limit that the user has set stays.
    """
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def show_table(results):
    table = Path(results) / "self_correction.md"
    if table.is_file():
        print(f"\n{table}\n\n{visible_lines(table.read_text())}")


def show_failures(changed):
    for failure in [*failures_soon(changed), no_room(RESULTS)]:
        if failure is not None:
            logger.error(f"\n{failure}\n")
