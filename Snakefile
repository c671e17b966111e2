# SCoRe: from problems and a base policy to a table of how well each policy corrects itself.
#
#   prepare_problems ─┬─> sample_attempts ─> verify_attempts ─┬─> compare_policies ─> compare_with_paper
#                     └─> train_stage_one ─> train_stage_two  ├─> test_claims
#                         (each policy is sampled like base)  └─> analyse_…: tables and figures
#                                                    report_run: all of it on one page, with every attempt
#
#   train_single_turn, train_direct_multi_turn, train_summed_return: the baselines of reinforcement learning
#   sample_corrections ─> choose_corrections ─> fine_tune: a round of STaR, STaSC or Pair-SFT
#   choose_candidate: which of the settings tried for a policy goes into its seeds


from score.experiment.config_files import check_config_files
from score.experiment.site import check_start
from score.files.visible import visible_lines
from snakemake.utils import min_version

min_version("9.20")

try:  # strictly, before Snakemake's loader takes the last of two equal keys
    check_start(workflow.basedir)
    check_config_files(["configs/config.yaml", *workflow.overwrite_configfiles])
except ValueError as error:
    raise WorkflowError(visible_lines(str(error))) from None


configfile: "configs/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/problems.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/fine_tuning.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/analyses.smk"
include: "workflow/rules/puzzle.smk"
include: "workflow/rules/report.smk"


rule all:
    """The tables, figures and report of the run that the config describes."""
    default_target: True
    input:
        rules.compare_policies.output,
        rules.test_claims.output,
        rules.compare_with_paper.output,
        expand(f"{RESULTS}/figures/{{name}}.png", name=ANALYSES),
        expand(f"{RESULTS}/{{name}}/self_correction.csv", name=AT_TEMPERATURES),
        rules.report_run.output,
    localrule: True


onstart:
    before_jobs()
    FOLLOWER.start(remote=workflow.is_main_process and workflow.non_local_exec)


onsuccess:
    FOLLOWER.stop()
    show_table(RESULTS)


onerror:
    FOLLOWER.stop()
    show_failures(FOLLOWER.changed)
